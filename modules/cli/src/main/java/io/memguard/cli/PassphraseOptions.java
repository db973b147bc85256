package io.memguard.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** Where the passphrase of a software keystore comes from; without any of these, from the terminal. */
final class PassphraseOptions {
    @Option(
            names = "--passphrase-file",
            paramLabel = "FILE",
            scope = ScopeType.INHERIT,
            description = "Read the passphrase from a file (chmod 600); else MEMGUARD_PASSPHRASE_FILE.")
    private @Nullable Path file;

    @Option(
            names = "--passphrase-fd",
            paramLabel = "N",
            scope = ScopeType.INHERIT,
            description = "Read it from an inherited file descriptor.")
    private @Nullable Integer descriptor;

    @Option(
            names = "--passphrase-credential",
            paramLabel = "ID",
            scope = ScopeType.INHERIT,
            description = "Read it from a systemd credential.")
    private @Nullable String credential;

    SecretInput input() {
        return SecretInput.of(file, descriptor, credential, "--passphrase", "MEMGUARD_PASSPHRASE_FILE");
    }
}
