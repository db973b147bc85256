package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Base64;

/** Base64 (RFC 4648, section 4) of what is not secret, in native memory. */
public final class Base64Text {
    /** What {@link #decode} returns for what is not Base64. */
    public static final long INVALID = -1;

    private Base64Text() {}

    /** The most that so much text decodes to, in bytes. */
    public static long room(long length) {
        return length / 4 * 3;
    }

    /**
     * Decodes padded text without line breaks.
     *
     * @param target of {@link #room} bytes at least
     * @return how many bytes that gave, or {@link #INVALID}; the target may hold anything then
     */
    public static long decode(MemorySegment text, MemorySegment target) {
        if (!NativeLibraries.isLoaded()) {
            return decodeInJava(text, target);
        }
        long length = mg_base64_decode(text, text.byteSize(), target, target.byteSize());
        return length == MG_ERR_AUTHENTICATION() ? INVALID : NativeStatus.check(length);
    }

    private static long decodeInJava(MemorySegment text, MemorySegment target) {
        if (text.byteSize() % 4 != 0) {
            return INVALID; // The JVM's decoder would do without the padding.
        }
        try {
            byte[] bytes = Base64.getDecoder().decode(text.toArray(ValueLayout.JAVA_BYTE));
            MemorySegment.copy(bytes, 0, target, ValueLayout.JAVA_BYTE, 0, bytes.length);
            return bytes.length;
        } catch (IllegalArgumentException e) {
            return INVALID;
        }
    }
}
