package io.memguard.keys;

import io.memguard.Borrower;
import io.memguard.SecretBuffer;
import io.memguard.memory.AeadKey;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A store key whose bytes lie in this process's locked memory. */
record AesGcmStoreKey(AeadKey key, SecretBuffer raw) implements StoreKey {
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
