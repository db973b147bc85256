package io.memguard.cli;

import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** Where the passphrase comes from; without any of these, from the terminal. */
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

    /** @param mayBeNew whether a new passphrase is chosen, which is asked for twice */
    SecretSource source(boolean mayBeNew) {
        if (file != null) {
            return SecretSources.file(file);
        }
        if (descriptor != null) {
            return SecretSources.descriptor(descriptor);
        }
        if (credential != null) {
            return SecretSources.systemdCredential(credential);
        }
        String variable = System.getenv("MEMGUARD_PASSPHRASE_FILE");
        if (variable != null && !variable.isEmpty()) {
            return SecretSources.file(Path.of(variable));
        }
        return mayBeNew ? SecretSources.terminalTwice("new passphrase: ") : SecretSources.terminal("passphrase: ");
    }
}
