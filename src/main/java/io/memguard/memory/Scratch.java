package io.memguard.memory;

import io.memguard.Borrower;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Protected memory for plaintext that is on its way: a window, or without the native library locked pages. Whoever takes
 * it closes it, which wipes it. Not thread-safe.
 */
public final class Scratch implements AutoCloseable {
    private final long window;
    private final @Nullable GuardedMemory pages;
    private long length;
    private boolean closed;

    private Scratch(long window, @Nullable GuardedMemory pages, long length) {
        this.window = window;
        this.pages = pages;
        this.length = length;
    }

    /**
     * Takes {@code length} zeros. Where all locked memory is lent it waits as long as {@link LockedMemory#waitAtMost} says.
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR, which names the limit
     */
    public static Scratch take(long length) {
        return NativeLibraries.isLoaded()
                ? new Scratch(Windows.acquire(length), null, length)
                : new Scratch(0, GuardedMemory.allocate(length), length);
    }

    /** Lends {@code length} zeros, writable; wiped when the callback ends. */
    public static <R extends @Nullable Object, X extends Throwable> R lend(long length, Borrower<R, X> use) throws X {
        try (var scratch = take(length)) {
            return scratch.write(use);
        }
    }

    /** Lends it for writing. */
    public <R extends @Nullable Object, X extends Throwable> R write(Borrower<R, X> use) throws X {
        if (pages != null) {
            return pages.<R, X>write(memory -> use.use(memory.asSlice(0, length)));
        }
        try (var arena = Arena.ofConfined()) {
            return use.use(memory(arena));
        }
    }

    /** Lends it read-only. */
    public <R extends @Nullable Object, X extends Throwable> R read(Borrower<R, X> use) throws X {
        if (pages != null) {
            return pages.<R, X>read(memory -> use.use(memory.asSlice(0, length)));
        }
        try (var arena = Arena.ofConfined()) {
            return use.use(memory(arena).asReadOnly());
        }
    }

    private MemorySegment memory(Arena arena) {
        return Windows.memory(window, arena).asSlice(0, length);
    }

    /** Lends only the first so many bytes from now on; all are wiped in the end. */
    public void truncate(long shorter) {
        length = Math.min(length, shorter);
    }

    /** Wipes it and gives it back. Idempotent. */
    @Override
    public void close() {
        if (pages != null) {
            pages.close();
        } else if (!closed) {
            closed = true;
            Windows.release(window);
        }
    }
}
