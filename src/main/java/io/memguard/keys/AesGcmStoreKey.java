package io.memguard.keys;

import io.memguard.Borrower;
import io.memguard.memory.AeadKey;
import io.memguard.memory.SealedBytes;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A store key whose bytes are in this process's protected memory: expanded for use, and raw for a change of the key. */
record AesGcmStoreKey(AeadKey key, SealedBytes raw) implements StoreKey {
    /** Takes a copy of 32 bytes. */
    static AesGcmStoreKey of(MemorySegment bytes) {
        var key = AeadKey.of(bytes);
        try {
            return new AesGcmStoreKey(key, SealedBytes.copyOf(bytes));
        } catch (Throwable failure) {
            key.close();
            throw failure;
        }
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
        return Optional.of(raw.<R, RuntimeException>read(use));
    }

    @Override
    public void close() {
        key.close();
        raw.close();
    }
}
