package io.memguard.migration;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Bytes of a file as text. */
final class Text {
    private static final char BYTE_ORDER_MARK = '\uFEFF';

    private Text() {}

    /** UTF-8 where that is due, or said by a byte order mark, which is dropped; else ISO 8859-1, as Java's properties are. */
    static String of(byte[] file, boolean utf8) {
        if (file.length > 1 && ((file[0] == -1 && file[1] == -2) || (file[0] == -2 && file[1] == -1))) {
            throw invalid("the file is UTF-16; save it as UTF-8");
        }
        boolean marked = file.length > 2 && file[0] == (byte) 0xEF && file[1] == (byte) 0xBB && file[2] == (byte) 0xBF;
        if (!utf8 && !marked) {
            return new String(file, StandardCharsets.ISO_8859_1);
        }
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(file))
                    .toString();
            return marked && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
        } catch (CharacterCodingException e) {
            throw invalid("the file is not valid UTF-8");
        }
    }

    /** Without their ends, which are LF, CR LF or CR. */
    static List<String> lines(String text) {
        return List.of(text.split("\r\n|\r|\n", -1));
    }

    static MemGuardException invalid(String message) {
        return new MemGuardException(ErrorCode.INVALID_ARGUMENTS, message);
    }
}
