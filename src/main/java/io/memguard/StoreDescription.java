package io.memguard;

import io.memguard.keys.KeyMode;
import io.memguard.store.StoreInfo;
import java.util.Optional;

/**
 * What a store says about itself without a key.
 *
 * @param formatVersion of its files
 * @param storeId 32 hexadecimal digits
 * @param provider the type of the provider that has its key
 * @param mode how that key is used
 * @param keyChange the key change that is under way or was interrupted, and what ends it, in words; empty where there is none
 * @param oldKeys how many keys of before are not destroyed: their place could not be reached, or a copy of the store may need
 *     them
 */
public record StoreDescription(
        int formatVersion, String storeId, String provider, KeyMode mode, Optional<String> keyChange, int oldKeys) {
    static StoreDescription of(StoreInfo info) {
        return new StoreDescription(
                info.formatVersion(),
                info.storeId(),
                info.keys().provider(),
                info.keys().mode(),
                info.change().map(change -> change.what() + "; " + change.remedy()),
                info.oldKeys().size());
    }
}
