package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
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
        if (Stream.of(file, descriptor, credential).filter(Objects::nonNull).count() > 1) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "where is the passphrase? give one of the --passphrase options");
        }
        if (descriptor != null) {
            return SecretSources.descriptor(descriptor);
        }
        if (credential != null) {
            return SecretSources.systemdCredential(credential);
        }
        Path chosen = file();
        if (chosen != null) {
            return SecretSources.file(chosen);
        }
        return mayBeNew ? SecretSources.terminalTwice("new passphrase: ") : SecretSources.terminal("passphrase: ");
    }

    /** Whether reading the passphrase would leave nothing on standard input for a value. */
    boolean consumesStandardInput() {
        if (descriptor != null) {
            return descriptor == 0;
        }
        Path chosen = credential == null ? file() : null;
        try {
            return chosen != null && Files.isSameFile(chosen, Path.of("/proc/self/fd/0"));
        } catch (IOException e) {
            return false; // Reading it says what is wrong with it.
        }
    }

    private @Nullable Path file() {
        if (file != null) {
            return file;
        }
        String variable = System.getenv("MEMGUARD_PASSPHRASE_FILE");
        return variable == null || variable.isEmpty() ? null : Path.of(variable);
    }
}
