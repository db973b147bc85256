package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyProviders;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "rekey",
        description = {
            "Switch to another passphrase, or to a key in another keystore or token, as 'rotate' does. --keys and its",
            "options say what has the key now. Interrupted, the same command continues; --abort gives the change up."
        })
final class RekeyCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @ArgGroup(multiplicity = "1")
    private Goal goal = new Goal();

    /** One of these. */
    private static final class Goal {
        @Option(
                names = "--to",
                paramLabel = "KEYS",
                description = "The provider that takes the key over, in the same syntax as --keys.")
        private @Nullable String to;

        @Option(
                names = "--abort",
                description = {
                    "Give up a change of the key that was interrupted: every value is under the present key",
                    "again. Needs what opens the present key."
                })
        private boolean abort;

        @Option(
                names = "--forget-old",
                description = {
                    "In a store that was copied or moved: no longer name the old keys that another copy of it",
                    "may need. They stay in their token, or where they are."
                })
        private boolean forgetOld;
    }

    @Option(
            names = "--new-passphrase-file",
            paramLabel = "FILE",
            description = "Read the new passphrase from a file (chmod 600); else MEMGUARD_NEW_PASSPHRASE_FILE.")
    private @Nullable Path passphraseFile;

    @Option(names = "--new-passphrase-fd", paramLabel = "N", description = "Read it from a file descriptor.")
    private @Nullable Integer passphraseDescriptor;

    @Option(
            names = "--new-pin-file",
            paramLabel = "FILE",
            description = "Read the new token's PIN from a file (chmod 600); else MEMGUARD_NEW_PIN_FILE.")
    private @Nullable Path pinFile;

    @Override
    public Integer call() {
        String to = goal.to;
        if (to != null) {
            rekey(to);
            return 0;
        }
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            if (goal.abort) {
                guard.abortRekey(new ProgressBar());
            }
            if (goal.forgetOld) {
                guard.forgetOldKeys().forEach(key -> System.err.println("memguard: no longer named: " + key));
            }
        }
        return 0;
    }

    private void rekey(String to) {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            var next = next(to); // Asks now: where there is no answer, nothing has begun.
            try (var progress = new KeyChange("the same memguard rekey, or memguard rekey --abort")) {
                guard.rekey(next, progress);
            }
        } catch (MemGuardException e) {
            if (e.code() != ErrorCode.KEY_INVALID || !isDone(to)) {
                throw e;
            }
        }
    }

    private KeyProvider next(String to) {
        var passphrase = SecretInput.of(
                passphraseFile, passphraseDescriptor, null, "--new-passphrase", "MEMGUARD_NEW_PASSPHRASE_FILE");
        var pin = SecretInput.of(pinFile, null, null, "--new-pin", "MEMGUARD_NEW_PIN_FILE");
        return new Keys(passphrase, pin, true).asking().of(List.of(to));
    }

    /** Killed at its very end, it has switched already; opening with both destroys what is left of the old key. */
    private boolean isDone(String to) {
        try {
            main.store().open(OpenMode.EXISTING, next(to)).close();
            var both = KeyProviders.firstOf(next(to), main.store().provider(false));
            main.store().open(OpenMode.EXISTING, both).close();
            System.err.println("memguard: the store already uses that key");
            return true;
        } catch (MemGuardException e) {
            return false;
        }
    }
}
