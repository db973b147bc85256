package io.memguard.keys.pkcs11;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** A text that a module pads to a fixed length: with blanks by the standard, with NUL bytes by some modules. */
final class Padded {
    private final byte[] bytes;

    private Padded(byte[] bytes) {
        this.bytes = bytes;
    }

    static Padded of(MemorySegment field) {
        byte[] bytes = field.toArray(ValueLayout.JAVA_BYTE);
        int length = bytes.length;
        while (length > 0 && (bytes[length - 1] == ' ' || bytes[length - 1] == 0)) {
            length--;
        }
        return new Padded(Arrays.copyOf(bytes, length));
    }

    /** Without the padding. */
    byte[] bytes() {
        return bytes.clone();
    }

    /** For messages: what is no text, or would garble a terminal, becomes a question mark. */
    String text() {
        var clean = new StringBuilder();
        new String(bytes, StandardCharsets.UTF_8)
                .codePoints()
                .map(c ->
                        Character.isISOControl(c) || c == 0xfffd || Character.getType(c) == Character.FORMAT ? '?' : c)
                .forEach(clean::appendCodePoint);
        return clean.toString().stripTrailing();
    }

    /** As it stands in a URI, which has text only; empty where it is none. */
    Optional<String> inUri() {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.codePoints().anyMatch(Character::isISOControl) ? Optional.empty() : Optional.of(escape(bytes));
        } catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    /** Escapes all that is not plain everywhere in a URI. */
    static String escape(byte[] text) {
        var out = new ByteArrayOutputStream();
        for (byte b : text) {
            boolean plain = (b >= 'a' && b <= 'z')
                    || (b >= 'A' && b <= 'Z')
                    || (b >= '0' && b <= '9')
                    || "-._~".indexOf(b) >= 0;
            out.writeBytes((plain ? String.valueOf((char) b) : String.format(Locale.ROOT, "%%%02X", b))
                    .getBytes(StandardCharsets.US_ASCII));
        }
        return out.toString(StandardCharsets.US_ASCII);
    }
}
