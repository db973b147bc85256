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
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "rekey",
        description = {
            "Go over to another passphrase, or to a key in another keystore or token, as 'rotate' does. --keys and its",
            "options say who has the key now."
        })
final class RekeyCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Option(
            names = "--to",
            paramLabel = "KEYS",
            required = true,
            description = "Who is to have the key, in the words of --keys.")
    private String to = "";

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
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            guard.rekey(next(), new ProgressBar());
        } catch (MemGuardException e) {
            if (e.code() != ErrorCode.KEY_INVALID || !isDone()) {
                throw e;
            }
        }
        return 0;
    }

    private KeyProvider next() {
        var passphrase = SecretInput.of(
                passphraseFile, passphraseDescriptor, null, "--new-passphrase", "MEMGUARD_NEW_PASSPHRASE_FILE");
        var pin = SecretInput.of(pinFile, null, null, "--new-pin", "MEMGUARD_NEW_PIN_FILE");
        return new Keys(passphrase, pin, true).of(List.of(to));
    }

    /** Killed at its very end, it has gone over already; opening with both removes what is left of the old key. */
    private boolean isDone() {
        try {
            main.store().open(OpenMode.EXISTING, next()).close();
            var both = KeyProviders.firstOf(next(), main.store().provider(false));
            main.store().open(OpenMode.EXISTING, both).close();
            System.err.println("memguard: the store has gone over to that key already");
            return true;
        } catch (MemGuardException e) {
            return false;
        }
    }
}
