package io.memguard.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** Where the PIN of a token comes from; without any of these, from the URI's pin-source, else from the terminal. */
final class PinOptions {
    @Option(
            names = "--pin-file",
            paramLabel = "FILE",
            scope = ScopeType.INHERIT,
            description = "Read the token's PIN from a file (chmod 600); else MEMGUARD_PIN_FILE.")
    private @Nullable Path file;

    @Option(
            names = "--pin-fd",
            paramLabel = "N",
            scope = ScopeType.INHERIT,
            description = "Read it from an inherited file descriptor.")
    private @Nullable Integer descriptor;

    @Option(
            names = "--pin-credential",
            paramLabel = "ID",
            scope = ScopeType.INHERIT,
            description = "Read it from a systemd credential.")
    private @Nullable String credential;

    SecretInput input() {
        return SecretInput.of(file, descriptor, credential, "--pin", "MEMGUARD_PIN_FILE");
    }
}
