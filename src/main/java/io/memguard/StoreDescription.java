package io.memguard;

import io.memguard.keys.KeyMode;
import io.memguard.store.StoreInfo;

/**
 * What a store says about itself without a key.
 *
 * @param formatVersion of its files
 * @param storeId 32 hexadecimal digits
 * @param provider the type of the provider that has its key
 * @param mode how that key is used
 */
public record StoreDescription(int formatVersion, String storeId, String provider, KeyMode mode) {
    static StoreDescription of(StoreInfo info) {
        return new StoreDescription(
                info.formatVersion(),
                info.storeId(),
                info.keys().provider(),
                info.keys().mode());
    }
}
