package io.memguard.memory;

import io.memguard.Borrower;
import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The one place that looks at segments of callers before native code gets their addresses: native code asks no arena, no
 * bounds and no protection, and a fault in it ends the process.
 */
public final class Addresses {
    private Addresses() {}

    /**
     * A segment to be read by native code while the callback runs. What is mapped from a file is copied by Java into protected
     * memory first: where the file becomes shorter, reading it is a fault, which only Java's own copying survives.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where it is on the heap, closed, another thread's, or not all there
     */
    public static <R extends @Nullable Object, X extends Throwable> R read(MemorySegment segment, Borrower<R, X> use)
            throws X {
        requireNative(segment);
        if (!segment.isMapped() || segment.byteSize() == 0) {
            return use.use(segment);
        }
        try (var copy = GuardedMemory.allocate(segment.byteSize())) {
            copy.<@Nullable Void, RuntimeException>write(target -> {
                copyByJava(segment, target);
                return null;
            });
            return copy.read(use);
        }
    }

    /** Copies plaintext to the beginning of a segment of the caller; errors as by {@link #requireWritable}. */
    public static void write(MemorySegment plaintext, MemorySegment target) {
        requireWritable(target);
        if (target.isMapped() && plaintext.byteSize() > 0) {
            copyByJava(plaintext, target.asSlice(0, plaintext.byteSize()));
        } else {
            PlaintextCopy.copy(plaintext, target);
        }
    }

    /** Native memory that this thread may use now. */
    public static void requireNative(@Nullable MemorySegment segment) {
        if (segment == null) {
            throw refused("a segment is needed; an empty one is allowed");
        }
        if (!segment.isNative()) {
            throw refused(
                    "a heap segment leaves copies behind; pass native memory, or a byte[] to SecretBuffer.consume()");
        }
        if (!segment.scope().isAlive()) {
            throw refused("the segment's arena is closed; keep it open during the call");
        }
        if (!segment.isAccessibleBy(Thread.currentThread())) {
            throw refused("the segment belongs to another thread; use a shared arena");
        }
    }

    /** Native memory that this thread may write to now. */
    public static void requireWritable(@Nullable MemorySegment segment) {
        requireNative(segment);
        if (Objects.requireNonNull(segment).isReadOnly()) {
            throw refused("the segment is read-only; give memory that can be written");
        }
    }

    /** Java turns a fault in its own copying into an InternalError, at the latest when it returns from native code. */
    private static void copyByJava(MemorySegment from, MemorySegment to) {
        try {
            to.copyFrom(from);
            ResidueWiper.wipe();
        } catch (InternalError e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "the mapped file became shorter, or its disk failed; map it again, or copy it into memory first",
                    e);
        }
    }

    private static MemGuardException refused(String why) {
        return new MemGuardException(ErrorCode.INVALID_ARGUMENTS, why);
    }
}
