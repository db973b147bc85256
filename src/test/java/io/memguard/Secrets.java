package io.memguard;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Test values: made off the heap from a seed, so that a test can ask for the same bytes again. */
public final class Secrets {
    private Secrets() {}

    /** The same in each build, or another one by {@code -Dseed=}; printed. */
    public static long seed() {
        long seed = Long.getLong("seed", 1);
        System.out.println("seed: " + seed);
        return seed;
    }

    /** Fills with the bytes that belong to a seed. */
    public static void fill(MemorySegment segment, long seed) {
        var random = new SplittableRandom(seed);
        for (long i = 0; i < segment.byteSize(); i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        }
    }

    /** A buffer of the bytes that belong to a seed. */
    public static SecretBuffer random(long size, long seed) {
        var buffer = SecretBuffer.allocate(size);
        buffer.<@Nullable Void, RuntimeException>write(segment -> {
            fill(segment, seed);
            return null;
        });
        return buffer;
    }

    /** Whether a segment holds the bytes that belong to a seed. */
    public static boolean matches(MemorySegment segment, long seed) {
        try (var arena = Arena.ofConfined()) {
            var expected = arena.allocate(Math.max(1, segment.byteSize())).asSlice(0, segment.byteSize());
            fill(expected, seed);
            return segment.mismatch(expected) == -1;
        }
    }

    /** A short text as a value. */
    public static SecretBuffer text(String text) {
        return SecretBuffer.consume(text.toCharArray());
    }

    /** A value as text, for assertions only: it is on the heap then. */
    public static String text(MemorySegment segment) {
        return new String(segment.toArray(ValueLayout.JAVA_BYTE), java.nio.charset.StandardCharsets.UTF_8);
    }
}
