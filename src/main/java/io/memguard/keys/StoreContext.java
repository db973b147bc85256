package io.memguard.keys;

import java.nio.file.Path;
import java.util.HexFormat;

/**
 * The store a key is for.
 *
 * @param storeId 16 random bytes, in hexadecimal; bind every wrapped key to it, so that a key of another store is noticed
 * @param directory where the store's files lie; a provider may keep files of its own there, none named {@code mg_*}
 * @param files leads to that directory, whatever becomes of its name meanwhile: for work with files, during the call
 * @param existing whether the store has a key already and goes over to another one, which must not take its place yet
 */
public record StoreContext(String storeId, Path directory, Path files, boolean existing) {
    /** A store that has no key yet, or whose key is opened. */
    public StoreContext(String storeId, Path directory) {
        this(storeId, directory, directory, false);
    }

    /** The same store, to make another key for it. */
    public StoreContext ofExisting() {
        return new StoreContext(storeId, directory, files, true);
    }

    /** The id as bytes. */
    public byte[] storeIdBytes() {
        return HexFormat.of().parseHex(storeId);
    }
}
