package io.memguard.soak;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.pkcs11.Pkcs11Records;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.List;

/**
 * How the processes of {@link Keys} open their store, which has one of two keys, "one" and "two".
 *
 * @param token the URI of the key "two", with its PIN; empty where both are passphrases
 * @param records the URI of a token that keeps records of the store's files; empty where none does
 */
record KeyStores(String token, String records) {
    static final List<String> KEYS = List.of("one", "two");

    static final KeyStores SOFTWARE = new KeyStores("", "");

    /** A store that is open, and by which key. */
    record Opened(MemGuard guard, String key) {}

    KeyProvider keys(String key) {
        return key.equals("two") && !token.isEmpty()
                ? Pkcs11Keys.uri(token)
                : SoftwareKeys.passphrase(() -> Secrets.text(key)).cost(1, 8 << 20);
    }

    static String other(String key) {
        return key.equals("one") ? "two" : "one";
    }

    MemGuard openOnly(Path directory, String key) {
        return open(directory, key, OpenMode.EXISTING);
    }

    private MemGuard open(Path directory, String key, OpenMode mode) {
        var builder = MemGuard.at(directory).keys(keys(key)).mode(mode);
        return (records.isEmpty() ? builder : builder.detectRollback(Pkcs11Records.uri(records))).open();
    }

    /** By the key that it has now: while one is tried, it may get the other. */
    Opened open(Path directory, OpenMode mode) {
        for (int i = 0; ; i++) {
            String key = KEYS.get(i % 2);
            try {
                return new Opened(open(directory, key, mode), key);
            } catch (MemGuardException e) {
                if (e.code() != ErrorCode.KEY_INVALID || i > 40) {
                    throw e;
                }
            }
        }
    }
}
