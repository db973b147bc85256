package io.memguard.consistency;

import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Values that say which one they are: a number in front, and bytes that follow from it. */
final class Values {
    private Values() {}

    static int size(long number) {
        return 8 + (int) Math.floorMod(number * 2_654_435_761L, 3_000L);
    }

    static SecretBuffer of(long number) {
        var value = SecretBuffer.allocate(size(number));
        value.<@Nullable Void, RuntimeException>write(segment -> {
            segment.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, number);
            Secrets.fill(segment.asSlice(8), number);
            return null;
        });
        return value;
    }

    /** The number; throws where it is not one whole value. */
    static long number(MemorySegment value) {
        long number = value.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
        if (value.byteSize() != size(number) || !Secrets.matches(value.asSlice(8), number)) {
            throw new AssertionError("a value that nobody stored");
        }
        return number;
    }
}
