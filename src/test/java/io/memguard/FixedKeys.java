package io.memguard;

import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import java.util.Map;

/** A provider of one key that follows from a number: what a user's own provider looks like, and fast in tests. */
public final class FixedKeys implements KeyProvider {
    private final long number;

    /** The provider whose key follows from this number. */
    public FixedKeys(long number) {
        this.number = number;
    }

    @Override
    public String type() {
        return "fixed";
    }

    @Override
    public CreatedKey create(StoreContext store) {
        return new CreatedKey(key(), new KeyDescriptor(type(), KeyMode.ENVELOPE, Map.of()));
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        return key();
    }

    private StoreKey key() {
        try (var key = Secrets.random(32, number)) {
            return StoreKey.aes256Gcm(key);
        }
    }

    @Override
    public void erase(StoreContext store, KeyDescriptor record) {}

    @Override
    public void close() {}
}
