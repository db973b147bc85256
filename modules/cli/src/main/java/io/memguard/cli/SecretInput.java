package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import io.memguard.os.InheritedDescriptor;
import io.memguard.os.Terminal;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Where a passphrase or a PIN comes from, as the options say; nothing where they say nothing. */
record SecretInput(
        @Nullable Path file,
        @Nullable Integer descriptor,
        @Nullable String credential,
        String options,
        String variable) {

    /**
     * @param options how they begin, for messages
     * @param variable names a file where no option is given
     */
    static SecretInput of(
            @Nullable Path file,
            @Nullable Integer descriptor,
            @Nullable String credential,
            String options,
            String variable) {
        long given =
                Stream.of(file, descriptor, credential).filter(Objects::nonNull).count();
        if (given > 1) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "give one of the " + options + " options only");
        }
        String named = System.getenv(variable);
        boolean byVariable = given == 0 && named != null && !named.isEmpty();
        return new SecretInput(byVariable ? UserFile.path(named) : file, descriptor, credential, options, variable);
    }

    /** Asks for it, where there is a terminal; else says which options give it. */
    SecretSource asked(String what, Function<String, SecretSource> source) {
        String prompt = what + ": ";
        return AskedOnce.source(prompt, () -> {
            var terminal = source.apply(prompt);
            return () -> {
                if (!Terminal.isThere()) {
                    throw new MemGuardException(
                            ErrorCode.INVALID_ARGUMENTS,
                            "there is no terminal to ask for the " + what + "; give " + options + "-file FILE, or "
                                    + variable + "=FILE");
                }
                return terminal.read();
            };
        });
    }

    /** @throws UsageException where this process was given no descriptor of that number */
    Optional<SecretSource> source() {
        if (descriptor != null) {
            if (!InheritedDescriptor.isOpen(descriptor)) {
                throw new UsageException("file descriptor " + descriptor
                        + " is not open; redirect something to it, as in " + descriptor + "<FILE");
            }
            return Optional.of(AskedOnce.source(descriptor, () -> SecretSources.descriptor(descriptor)));
        }
        if (credential != null) {
            return Optional.of(SecretSources.systemdCredential(credential));
        }
        // A regular file is read again: the source keeps what is in a pipe only.
        return Optional.ofNullable(file).map(path -> AskedOnce.source(path, () -> SecretSources.file(path)));
    }

    /** Whether reading it would leave nothing on standard input for a value. */
    boolean consumesStandardInput() {
        try {
            return descriptor != null
                    ? descriptor == 0
                    : file != null && Files.isSameFile(file, Path.of("/proc/self/fd/0"));
        } catch (IOException e) {
            return false; // Reading it says what is wrong with it.
        }
    }
}
