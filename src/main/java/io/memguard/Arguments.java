package io.memguard;

import io.memguard.memory.Addresses;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What every call with a value or a time checks first; {@link ErrorCode#INVALID_ARGUMENTS} where it does not hold. */
final class Arguments {
    private Arguments() {}

    /** Native memory of up to 1 GiB that can be read. */
    static void requireNative(MemorySegment value) {
        requireValue(value);
        Addresses.requireNative(value);
        if (value.byteSize() > SecretBuffer.MAX_SIZE) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a value is up to 1 GiB of native memory");
        }
    }

    static void requireValue(@Nullable Object value) {
        if (value == null) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a value is needed; an empty one is allowed");
        }
    }

    static Duration positive(@Nullable Duration duration) {
        if (duration == null || TimeUnit.MILLISECONDS.convert(duration) <= 0) { // Forever has more than a long.
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a time to live is at least a millisecond");
        }
        return duration;
    }
}
