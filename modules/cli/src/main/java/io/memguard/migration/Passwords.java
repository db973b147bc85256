package io.memguard.migration;

import io.memguard.SecretBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Passwords in the form that JCA takes them. */
final class Passwords {
    private Passwords() {}

    /** A password of UTF-8, for the caller to wipe. Not guaranteed: JCA makes copies, not all of which it wipes. */
    static char[] of(SecretBuffer password) {
        return password.<char[], RuntimeException>read(Passwords::decode);
    }

    private static char[] decode(MemorySegment text) {
        ByteBuffer bytes = text.asByteBuffer();
        CharBuffer decoded = StandardCharsets.UTF_8.decode(bytes);
        char[] exact = new char[decoded.remaining()];
        decoded.get(exact);
        Arrays.fill(decoded.array(), '\0');
        return exact;
    }
}
