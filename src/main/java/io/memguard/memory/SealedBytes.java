package io.memguard.memory;

import io.memguard.Borrower;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A key or a PIN that is kept for long and used seldom: sealed under the process key, opened into a window for each use, so
 * that at rest not even root finds it in memory. Without the native library it is in locked pages. Thread-safe.
 */
public final class SealedBytes implements AutoCloseable {
    private static @Nullable SealedCache shared;

    private final long handle;
    private final @Nullable GuardedMemory locked;

    private SealedBytes(long handle, @Nullable GuardedMemory locked) {
        this.handle = handle;
        this.locked = locked;
    }

    /** Copies native memory, which stays the caller's to wipe. */
    public static SealedBytes copyOf(MemorySegment bytes) {
        if (NativeLibraries.isLoaded()) {
            return new SealedBytes(cache().put(bytes, Duration.ZERO, Duration.ZERO), null);
        }
        var memory = GuardedMemory.allocate(bytes.byteSize());
        memory.<Boolean, RuntimeException>write(copy -> {
            copy.copyFrom(bytes);
            return true;
        });
        return new SealedBytes(0, memory);
    }

    /** One for the whole process: a cache is much larger than a key. */
    private static synchronized SealedCache cache() {
        SealedCache known = shared;
        if (known == null) {
            known = SealedCache.createForProcess();
            shared = known;
        }
        return known;
    }

    /**
     * Lends the bytes, read-only, for the time of the callback.
     *
     * @throws IllegalStateException after {@link #close}
     */
    public <R extends @Nullable Object, X extends Throwable> R read(Borrower<R, X> use) throws X {
        if (locked != null) {
            return locked.read(use);
        }
        long window = cache().open(handle);
        if (window == SealedCache.STALE) {
            throw new IllegalStateException("this key is closed");
        }
        return SealedCache.lend(window, use);
    }

    /** Wipes them. Idempotent. */
    @Override
    public void close() {
        if (locked != null) {
            locked.close();
        } else {
            cache().remove(handle);
        }
    }
}
