package io.memguard.keys;

import io.memguard.memory.AeadKey;
import java.lang.foreign.MemorySegment;

/** A store key whose bytes lie in this process's locked memory. */
record AesGcmStoreKey(AeadKey key) implements StoreKey {
    @Override
    public void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
        key.seal(aad, plaintext, sealed);
    }

    @Override
    public boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        return key.open(aad, sealed, plaintext);
    }

    @Override
    public void close() {
        key.close();
    }
}
