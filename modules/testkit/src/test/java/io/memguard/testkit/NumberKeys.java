package io.memguard.testkit;

import io.memguard.Secrets;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import java.util.Map;

/** A provider of one key that follows from a number, which its descriptor names. */
record NumberKeys(long number) implements KeyProvider {
    @Override
    public String type() {
        return "number";
    }

    @Override
    public CreatedKey create(StoreContext store) {
        return new CreatedKey(key(), descriptor());
    }

    private KeyDescriptor descriptor() {
        return new KeyDescriptor(type(), KeyMode.ENVELOPE, Map.of("number", Long.toString(number)));
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor key) {
        return key();
    }

    private StoreKey key() {
        try (var key = Secrets.random(32, number)) {
            return StoreKey.aes256Gcm(key);
        }
    }

    @Override
    public void erase(StoreContext store, KeyDescriptor key) {}

    @Override
    public void close() {}
}
