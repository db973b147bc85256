package io.memguard.keys.pkcs11;

import io.memguard.keys.StoreKey;
import java.lang.foreign.MemorySegment;

/** SunPKCS11's key, and the connection whose login it lives on. */
record SunStoreKey(StoreKey key, Token token) implements StoreKey {
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
        token.close();
    }
}
