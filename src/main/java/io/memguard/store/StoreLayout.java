package io.memguard.store;

import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.Fingerprint;
import java.io.IOException;
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

    Path valueFile(String hex) {
        return workingPath.resolve(PREFIX + hex + VALUE);
    }

    Path nameFile(String hex) {
        return workingPath.resolve(PREFIX + hex + NAME);
    }

    /** Which content a file has now. */
    Fingerprint fingerprint(Path file) throws IOException {
        try (var opened = SmallFile.open(file, SecretStore.MAX_FILE).orElse(null)) {
            if (opened == null) {
                return Fingerprint.ABSENT;
            }
            try (var sealed = Base64Ciphertext.read(opened)) {
                return Fingerprint.of(sealed.bytes());
            }
        } catch (SmallFile.StrangeFileException e) {
            return Fingerprint.DAMAGED;
        }
    }

    /** The same, and durable: the process that put it there may have been killed before it was. */
    Fingerprint durableFingerprint(Path file) throws IOException {
        Fingerprint state = fingerprint(file);
        Posix.syncDirectory(workingPath);
        return state;
    }

    /** The name of a file of a secret, by the hash. */
    static String file(String hex, boolean isValue) {
        return PREFIX + hex + (isValue ? VALUE : NAME);
    }

    static boolean isValue(String file) {
        return hex(file, VALUE).isPresent();
    }

    /** The lock of the value in a file, which {@link #isValue}. */
    static int stripeOfValue(String file) {
        return HexFormat.fromHexDigits(file, PREFIX.length(), PREFIX.length() + 4);
    }

    /** The lock of a value, by the hash of its name. */
    static int stripeOfHex(String hex) {
        return HexFormat.fromHexDigits(hex, 0, 4);
    }

    /** The hash in the name of a file that belongs to a secret. */
    static Optional<String> hex(String file) {
        return hex(file, VALUE).or(() -> hex(file, NAME));
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
            return SecretName.stripe(HexFormat.of().parseHex(file, TEMPORARY.length(), TEMPORARY.length() + 4));
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            return 0;
        }
    }

    private static Optional<String> hex(String file, String suffix) {
        if (file.length() != PREFIX.length() + HEX + suffix.length()
                || !file.startsWith(PREFIX)
                || !file.endsWith(suffix)) {
            return Optional.empty();
        }
        String hex = file.substring(PREFIX.length(), PREFIX.length() + HEX);
        boolean digits = hex.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
        return digits ? Optional.of(hex) : Optional.empty();
    }
}
