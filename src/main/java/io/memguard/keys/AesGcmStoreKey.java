package io.memguard.keys;

import io.memguard.Borrower;
import io.memguard.memory.AeadKey;
import io.memguard.memory.SealedCache;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A store key of this process's own: expanded in memory that only this process can map, where the kernel has that, and its
 * raw bytes sealed under the process key.
 */
final class AesGcmStoreKey implements StoreKey {
    private static @Nullable SealedCache rawKeys;

    private final AeadKey key;
    private final long raw;

    private AesGcmStoreKey(AeadKey key, long raw) {
        this.key = key;
        this.raw = raw;
    }

    /** Takes a copy of 32 bytes. */
    static AesGcmStoreKey of(MemorySegment bytes) {
        var key = AeadKey.of(bytes);
        try {
            return new AesGcmStoreKey(key, rawKeys().put(bytes, Duration.ZERO, Duration.ZERO));
        } catch (Throwable failure) {
            key.close();
            throw failure;
        }
    }

    /** One for all stores, as long as the process lives. */
    private static synchronized SealedCache rawKeys() {
        SealedCache known = rawKeys;
        if (known == null) {
            known = SealedCache.create();
            rawKeys = known;
        }
        return known;
    }

    @Override
    public void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
        key.seal(aad, plaintext, sealed);
    }

    @Override
    public boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        return key.open(aad, sealed, plaintext);
    }

    @Override
    public <R> Optional<R> read(Borrower<R, RuntimeException> use) {
        long window = rawKeys().open(raw);
        if (window == SealedCache.STALE) {
            throw new IllegalStateException("this key is closed");
        }
        return Optional.of(SealedCache.<R, RuntimeException>lend(window, use));
    }

    @Override
    public void close() {
        key.close();
        rawKeys().remove(raw);
    }
}
