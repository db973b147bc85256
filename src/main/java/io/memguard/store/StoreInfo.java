package io.memguard.store;

import io.memguard.keys.KeyRecord;

/**
 * What a store says about itself without a key.
 *
 * @param formatVersion of the files
 * @param storeId 32 hexadecimal digits
 * @param keys the provider that has the key
 */
public record StoreInfo(int formatVersion, String storeId, KeyRecord keys) {
    static StoreInfo of(Metadata metadata) {
        return new StoreInfo(Metadata.FORMAT, metadata.storeId(), metadata.keys());
    }
}
