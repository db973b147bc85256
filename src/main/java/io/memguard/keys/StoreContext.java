package io.memguard.keys;

import java.nio.file.Path;
import java.util.HexFormat;

/**
 * The store a key is for.
 *
 * @param storeId 16 random bytes, in hexadecimal; bind every wrapped key to it, so that a key of another store is noticed
 * @param directory where the store's files lie; a provider may keep files of its own there, none named {@code mg_*}
 */
public record StoreContext(String storeId, Path directory) {
    /** The id as bytes. */
    public byte[] storeIdBytes() {
        return HexFormat.of().parseHex(storeId);
    }
}
