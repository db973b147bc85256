package io.memguard.memory;

import io.memguard.os.Forgotten;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/** One value in a cache, for as long as anybody has this and the cache is open. Thread-safe. */
public final class SealedValue {
    private final SealedCache cache;
    private final long handle;

    private SealedValue(SealedCache cache, long handle) {
        this.cache = cache;
        this.handle = handle;
        Forgotten.watch(this, () -> cache.remove(handle));
    }

    /** Seals a copy of native memory, which stays the caller's to wipe. */
    public static SealedValue copyOf(SealedCache cache, MemorySegment value) {
        return adopt(cache, cache.put(value, Duration.ZERO, Duration.ZERO));
    }

    /** Takes over what a handle is of. */
    static SealedValue adopt(SealedCache cache, long handle) {
        try {
            return new SealedValue(cache, handle);
        } catch (Throwable failure) {
            cache.remove(handle);
            throw failure;
        }
    }

    /** The number of its cache, for native operations. */
    long cache() {
        return cache.number();
    }

    /** Its handle in there. */
    long handle() {
        return handle;
    }

    /** How many bytes it has; 0 where the cache is closed. */
    public int length() {
        return cache.length(handle);
    }
}
