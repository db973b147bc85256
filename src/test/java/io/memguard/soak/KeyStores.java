package io.memguard.soak;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.List;

/** How the processes of {@link Keys} open their store, which has one of two passphrases. */
final class KeyStores {
    static final List<String> PASSPHRASES = List.of("one", "two");

    private KeyStores() {}

    /** A store that is open, and by which passphrase. */
    record Opened(MemGuard guard, String passphrase) {}

    static SoftwareKeys keys(String passphrase) {
        return SoftwareKeys.passphrase(() -> Secrets.text(passphrase)).cost(1, 8 << 20);
    }

    static String other(String passphrase) {
        return passphrase.equals("one") ? "two" : "one";
    }

    static MemGuard openOnly(Path directory, String passphrase) {
        return MemGuard.at(directory)
                .keys(keys(passphrase))
                .mode(OpenMode.EXISTING)
                .open();
    }

    /** By the passphrase that it has now: while one is tried, it may get the other. */
    static Opened open(Path directory, OpenMode mode) {
        for (int i = 0; ; i++) {
            String passphrase = PASSPHRASES.get(i % 2);
            try {
                return new Opened(
                        MemGuard.at(directory).keys(keys(passphrase)).mode(mode).open(), passphrase);
            } catch (MemGuardException e) {
                if (e.code() != ErrorCode.KEY_INVALID || i > 40) {
                    throw e;
                }
            }
        }
    }
}
