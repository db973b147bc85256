package io.memguard.memory;

import io.memguard.Borrower;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Protected memory for plaintext that is on its way: a window, or without the native library locked pages. The caller
 * closes it, which wipes it. Not thread-safe.
 */
public final class PlaintextBuffer implements AutoCloseable {
    private static final long NONE = -1;

    private long window = NONE;
    private @Nullable GuardedMemory pages;
    private long length;

    private PlaintextBuffer() {}

    /**
     * One without memory: so that there is what closes it before there is anything to lose. What throws between taking memory
     * and returning it to a caller, for want of heap, would lose it for good.
     */
    public static PlaintextBuffer empty() {
        return new PlaintextBuffer();
    }

    /** One with memory, see {@link #fill}. */
    public static PlaintextBuffer take(long length) {
        var buffer = empty();
        buffer.fill(length);
        return buffer;
    }

    /**
     * Takes a zeroed buffer of {@code size} bytes, in place of what it had. Where all locked memory is lent it waits as long as {@link
     * LockedMemory#waitAtMost} says.
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR, which names the limit
     */
    public void fill(long size) {
        close();
        if (NativeLibraries.isLoaded()) {
            window = Windows.acquire(size);
        } else {
            pages = GuardedMemory.allocate(size);
        }
        length = size;
    }

    /** Provides a zeroed buffer of {@code length} bytes, writable; wiped when the callback ends. */
    public static <R extends @Nullable Object, X extends Throwable> R lend(long length, Borrower<R, X> use) throws X {
        try (var buffer = take(length)) {
            return buffer.write(use);
        }
    }

    /** Lends it for writing. */
    public <R extends @Nullable Object, X extends Throwable> R write(Borrower<R, X> use) throws X {
        GuardedMemory guarded = pages;
        if (guarded != null) {
            return guarded.<R, X>write(memory -> use.use(memory.asSlice(0, length)));
        }
        try (var arena = Arena.ofConfined()) {
            return use.use(memory(arena));
        }
    }

    /** Lends it read-only. */
    public <R extends @Nullable Object, X extends Throwable> R read(Borrower<R, X> use) throws X {
        GuardedMemory guarded = pages;
        if (guarded != null) {
            return guarded.<R, X>read(memory -> use.use(memory.asSlice(0, length)));
        }
        try (var arena = Arena.ofConfined()) {
            return use.use(memory(arena).asReadOnly());
        }
    }

    private MemorySegment memory(Arena arena) {
        if (window == NONE) {
            throw new IllegalStateException("this memory was given back");
        }
        return Windows.memory(window, arena).asSlice(0, length);
    }

    /** Lends only the first so many bytes from now on; all are wiped in the end. */
    public void truncate(long shorter) {
        length = Math.min(length, shorter);
    }

    /** Wipes it and gives it back. Idempotent. */
    @Override
    public void close() {
        GuardedMemory guarded = pages;
        long lent = window;
        if (guarded != null) {
            pages = null;
            guarded.close();
        } else if (lent != NONE) {
            window = NONE;
            Windows.release(lent);
        }
    }
}
