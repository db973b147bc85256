package io.memguard.storage.directory;

import io.memguard.storage.EntryId;
import io.memguard.storage.Storage;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Where each file of a store is.
 *
 * @param workingPath leads to the files, for all work with them
 * @param displayPath how users know that directory
 */
record StoreLayout(Path workingPath, Path displayPath) {
    static final String FOLDER = "memguard_secure";
    static final String TEMPORARY = ".tmp_";

    /** The longest file of a value, which still fits a Java array. */
    static final long MAX_FILE = (Storage.MAX_ENTRY + 2) / 3 * 4;

    private static final String TEMPORARY_KEY = TEMPORARY + "key_"; // SoftwareKeys names it.

    private static final String LOCK = "store.lock";
    private static final String PREFIX = "mg_";
    private static final String VALUE = ".dat";
    private static final String NAME = ".name";
    private static final int HEX = 64;

    /** By name; what that leads to may change. */
    static StoreLayout in(Path parent) {
        return new StoreLayout(parent.resolve(FOLDER), parent.resolve(FOLDER));
    }

    Path metadata() {
        return workingPath.resolve("store.meta");
    }

    Path lock() {
        return workingPath.resolve(LOCK);
    }

    /** The lock file by its name. */
    Path lockName() {
        return displayPath.resolve(LOCK);
    }

    Path generations() {
        return workingPath.resolve("store.generations");
    }

    Path totals() {
        return workingPath.resolve("store.totals");
    }

    Path file(EntryId id) {
        return workingPath.resolve(fileName(id));
    }

    static String fileName(EntryId id) {
        return PREFIX + id.hex() + (id.isValue() ? VALUE : NAME);
    }

    /** The entry in a file of this name; nothing where it is another file. */
    static Optional<EntryId> entry(String file) {
        return isNamed(file, VALUE)
                ? Optional.of(new EntryId(EntryId.Kind.VALUE, hash(file)))
                : isNamed(file, NAME) ? Optional.of(new EntryId(EntryId.Kind.NAME, hash(file))) : Optional.empty();
    }

    static boolean isEntry(String file) {
        return isNamed(file, VALUE) || isNamed(file, NAME);
    }

    static boolean isValue(String file) {
        return isNamed(file, VALUE);
    }

    /** The stripe of the value in a file, which {@link #isValue}. */
    static int stripeOfValue(String file) {
        return HexFormat.fromHexDigits(file, PREFIX.length(), PREFIX.length() + 4);
    }

    /** Says in the name of a temporary file under which lock it is written. */
    static String temporaryPrefix(int stripe) {
        return TEMPORARY + HexFormat.of().toHexDigits((short) stripe) + "_";
    }

    static boolean isTemporary(String file) {
        return file.startsWith(TEMPORARY);
    }

    /** Whether its writer changes the key, or makes the store. */
    static boolean isTemporaryKey(String file) {
        return file.startsWith(TEMPORARY_KEY);
    }

    /** The lock that the writer of a temporary file holds while it lives. */
    static int stripeOfTemporary(String file) {
        try {
            return HexFormat.fromHexDigits(file, TEMPORARY.length(), TEMPORARY.length() + 4);
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            return 0;
        }
    }

    private static byte[] hash(String file) {
        return HexFormat.of().parseHex(file, PREFIX.length(), PREFIX.length() + HEX);
    }

    private static boolean isNamed(String file, String suffix) {
        return file.length() == PREFIX.length() + HEX + suffix.length()
                && file.startsWith(PREFIX)
                && file.endsWith(suffix)
                && file.substring(PREFIX.length(), PREFIX.length() + HEX)
                        .chars()
                        .allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    }
}
