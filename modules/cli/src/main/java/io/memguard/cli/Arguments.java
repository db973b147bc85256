package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments as the caller wrote them, in UTF-8. The JVM decodes them by the locale, and where that has no such
 * character it puts a question mark: two names would become one.
 */
final class Arguments {
    private Arguments() {}

    static String[] exact(String[] decoded) {
        byte[] line;
        try {
            line = Files.readAllBytes(Path.of("/proc/self/cmdline"));
        } catch (IOException e) {
            return decoded; // No /proc: the locale's reading is the best there is.
        }
        List<ByteBuffer> all = split(line);
        if (all.size() <= decoded.length) {
            return decoded; // Called by other code, not by a process's command line.
        }
        List<ByteBuffer> last = all.subList(all.size() - decoded.length, all.size());
        return last.stream().map(Arguments::utf8).toArray(String[]::new);
    }

    private static List<ByteBuffer> split(byte[] line) {
        var arguments = new ArrayList<ByteBuffer>();
        int start = 0;
        for (int i = 0; i < line.length; i++) {
            if (line[i] == 0) {
                arguments.add(ByteBuffer.wrap(line, start, i - start));
                start = i + 1;
            }
        }
        return arguments;
    }

    private static String utf8(ByteBuffer bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "an argument is not valid UTF-8", e);
        }
    }
}
