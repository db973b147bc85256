package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.MemoryPolicy;
import io.memguard.OpenMode;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** Which store, and who has its key: the options of every command. */
final class StoreOptions {
    @Option(
            names = "--dir",
            paramLabel = "DIR",
            scope = ScopeType.INHERIT,
            description = "The directory of the store; else MEMGUARD_DIR.")
    private @Nullable Path directory;

    @Option(
            names = "--best-effort-memory",
            scope = ScopeType.INHERIT,
            description = "Go on where memory can't be locked.")
    private boolean bestEffort;

    @Option(
            names = "--keys",
            paramLabel = "KEYS",
            defaultValue = "software",
            scope = ScopeType.INHERIT,
            description = "Who has the key: software, or software:CONTAINER-FILE.")
    private String keys = "software";

    @Mixin
    private final PassphraseOptions passphrase = new PassphraseOptions();

    MemGuard open(OpenMode mode) {
        return MemGuard.at(directory())
                .mode(mode)
                .policy(bestEffort ? MemoryPolicy.BEST_EFFORT : MemoryPolicy.REQUIRE_LOCKED)
                .keys(Keys.of(keys, passphrase.source(mode != OpenMode.EXISTING)))
                .open();
    }

    PassphraseOptions passphrase() {
        return passphrase;
    }

    Path directory() {
        if (directory != null) {
            return directory;
        }
        String variable = System.getenv("MEMGUARD_DIR");
        if (variable == null || variable.isEmpty()) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "which store? give --dir DIR, or set MEMGUARD_DIR");
        }
        return Path.of(variable);
    }
}
