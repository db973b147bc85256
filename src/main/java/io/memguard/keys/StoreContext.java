package io.memguard.keys;

import io.memguard.storage.Attachments;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The store a key is for.
 *
 * @param storeId 16 random bytes, in hexadecimal; bind every wrapped key to it, so that a key of another store is noticed
 * @param directory where the store's files are; a provider may keep files of its own there, none named {@code mg_*}
 * @param files leads to that directory, whatever becomes of its name in the meantime: for work with files, during the call
 * @param existing whether the store has a key already and switches to another one, which must not take its place yet
 * @param nonce 16 random hexadecimal digits that a new key has to carry (in its id, its file name), so that it can be told
 *     from every other one, also of a copy of this store; empty where no key is made
 * @param place where a key that carries the nonce was to be made, by {@link KeyProvider#place}; empty where that is unknown
 * @param current the key that the new one comes after, where the store's provider stays the same
 * @param inUse the keys that the store needs; never destroy one of them, and never make one in its place
 * @param owner whether this very folder is known to be the one that the key was made for: a key outside of the folder must
 *     not be destroyed otherwise, since a copy of the store may need it
 */
public record StoreContext(
        String storeId,
        Path directory,
        Path files,
        boolean existing,
        String nonce,
        String place,
        Optional<KeyDescriptor> current,
        List<KeyDescriptor> inUse,
        boolean owner) {
    /** Copies the list. */
    public StoreContext {
        inUse = List.copyOf(inUse);
    }

    /** A store that has no key yet, or whose key is opened. */
    public StoreContext(String storeId, Path directory) {
        this(storeId, directory, directory, false);
    }

    /** The same for a directory that is held open. */
    public StoreContext(String storeId, Path directory, Path files, boolean existing) {
        this(storeId, directory, files, existing, "", "", Optional.empty(), List.of(), true);
    }

    /** A store whose provider keeps its files there. */
    public static StoreContext of(String storeId, Attachments place) {
        return new StoreContext(storeId, place.directory(), place.files(), false);
    }

    /** The same store, to make another key for it. */
    public StoreContext ofExisting() {
        return new StoreContext(storeId, directory, files, true, nonce, place, current, inUse, owner);
    }

    /** The same store, to make a key that carries this nonce. */
    public StoreContext withNonce(String digits) {
        return new StoreContext(storeId, directory, files, existing, digits, place, current, inUse, owner);
    }

    /** The same store, to destroy a key that carries this nonce, if it was made in this place. */
    public StoreContext unfinished(String digits, String where) {
        return new StoreContext(storeId, directory, files, existing, digits, where, current, inUse, owner);
    }

    /** The same store, to make a key that comes after this one. */
    public StoreContext after(KeyDescriptor key) {
        return new StoreContext(storeId, directory, files, existing, nonce, place, Optional.of(key), inUse, owner);
    }

    /** The same store, which needs these keys. */
    public StoreContext using(List<KeyDescriptor> keys) {
        return new StoreContext(storeId, directory, files, existing, nonce, place, current, keys, owner);
    }

    /** The same store, to destroy a key that this very folder made, or that another one may have made. */
    public StoreContext ownedBy(boolean thisFolder) {
        return new StoreContext(storeId, directory, files, existing, nonce, place, current, inUse, thisFolder);
    }

    /** The id as bytes. */
    public byte[] storeIdBytes() {
        return HexFormat.of().parseHex(storeId);
    }
}
