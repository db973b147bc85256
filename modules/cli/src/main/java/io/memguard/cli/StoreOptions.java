package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardBuilder;
import io.memguard.MemGuardException;
import io.memguard.MemoryPolicy;
import io.memguard.OpenMode;
import io.memguard.StoreDescription;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import io.memguard.keys.SecretSource;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.pkcs11.Pkcs11Records;
import io.memguard.keys.pkcs11.Pkcs11Uri;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.UserFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
            scope = ScopeType.INHERIT,
            description = {
                "The key provider: software (a keystore with a passphrase), software:CONTAINER-FILE,",
                "pkcs11:... (a token by its RFC 7512 URI), sunpkcs11:FILE[#KEY], or the type of a",
                "registered provider; else MEMGUARD_KEYS, else software. Given several times, the first",
                "that works makes the key of a new store."
            })
    private List<String> keys = List.of();

    @Option(
            names = "--records",
            paramLabel = "URI",
            scope = ScopeType.INHERIT,
            description = {
                "The token (pkcs11:...) that keeps records of the files, to detect that older ones were put",
                "back; else MEMGUARD_RECORDS, else none. See 'memguard records'."
            })
    private @Nullable String records;

    @Option(
            names = "--read-only",
            scope = ScopeType.INHERIT,
            description = "Write nothing at all: an image, a ConfigMap, a read-only mount.")
    private boolean readOnly;

    @Option(
            names = "--allow-group",
            scope = ScopeType.INHERIT,
            description = "Go on where a group has access to the store (fsGroup).")
    private boolean group;

    @Option(
            names = "--allow-shared-file-system",
            scope = ScopeType.INHERIT,
            description = "Go on where the store is on a network or FUSE file system.")
    private boolean sharedFileSystem;

    @Mixin
    private final PassphraseOptions passphrase = new PassphraseOptions();

    @Mixin
    private final PinOptions pin = new PinOptions();

    MemGuard open(OpenMode mode) {
        try {
            return open(mode, provider(mode != OpenMode.EXISTING));
        } catch (MemGuardException e) {
            throw e.code() == ErrorCode.KEY_INVALID && mode == OpenMode.EXISTING
                    ? otherProvider().orElse(e)
                    : e;
        }
    }

    /** Where the store's key is with another provider than the options name: what to give. */
    private Optional<MemGuardException> otherProvider() {
        String own;
        try {
            own = MemGuard.describe(directory()).map(StoreDescription::provider).orElse("");
        } catch (MemGuardException e) {
            return Optional.empty(); // What opening said is what is wrong.
        }
        if (own.isEmpty()
                || keys().stream()
                        .anyMatch(keys -> keys.equals(own)
                                || keys.startsWith(own + ":")
                                || (own.equals(Pkcs11Keys.TYPE) && keys.startsWith("sunpkcs11:")))) {
            return Optional.empty();
        }
        String example =
                own.equals(Pkcs11Keys.TYPE) ? "'pkcs11:token=...?module-path=...' (see memguard token list)" : own;
        return Optional.of(new MemGuardException(
                ErrorCode.KEY_INVALID,
                "the key of this store is with the provider '" + own + "', not with '" + String.join("', '", keys())
                        + "'; give --keys " + example + ", or set MEMGUARD_KEYS"));
    }

    MemGuard open(OpenMode mode, KeyProvider provider) {
        return builder(provider).mode(readOnly ? OpenMode.READ_ONLY : mode).open();
    }

    MemGuardBuilder builder(KeyProvider provider) {
        var builder = MemGuard.at(directory()).policy(policy()).keys(provider);
        records().ifPresent(builder::detectRollback);
        if (group) {
            builder.allowGroupAccess();
        }
        if (sharedFileSystem) {
            builder.allowSharedFileSystem();
        }
        return builder;
    }

    /** Where the records of the store's files are. */
    Optional<RollbackRecords> records() {
        String variable = System.getenv("MEMGUARD_RECORDS");
        String uri = records != null ? records : variable == null ? "" : variable;
        return uri.isEmpty()
                ? Optional.empty()
                : Optional.of(Pkcs11Records.uri(uri, new Keys(passphrase.input(), pin.input(), false).pin(uri)));
    }

    /** @param mayBeNew whether a new passphrase is chosen, which is asked for twice */
    KeyProvider provider(boolean mayBeNew) {
        return new Keys(passphrase.input(), pin.input(), mayBeNew).of(keys());
    }

    /** The keys that {@code prove} works with: a software keystore of its own, or one token. */
    String provable() {
        List<String> given = keys();
        if (given.size() != 1 || !(given.getFirst().equals(SoftwareKeys.TYPE) || Keys.isPkcs11(given.getFirst()))) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "prove takes one of --keys software and --keys pkcs11:...");
        }
        return given.getFirst();
    }

    /** The PIN of the token that {@link #provable} names. */
    Optional<SecretSource> pin() {
        return Keys.isPkcs11(provable())
                ? Optional.of(new Keys(passphrase.input(), pin.input(), false).pin(provable()))
                : Optional.empty();
    }

    /** The tokens that the option names, for a command that only lists them. */
    List<Pkcs11Uri> tokens() {
        return keys.stream()
                .map(text -> {
                    if (!Keys.isPkcs11(text)) {
                        throw new MemGuardException(
                                ErrorCode.INVALID_ARGUMENTS, "token list takes --keys pkcs11:... only");
                    }
                    return Pkcs11Uri.parse(text);
                })
                .toList();
    }

    private List<String> keys() {
        if (!keys.isEmpty()) {
            return keys;
        }
        String variable = System.getenv("MEMGUARD_KEYS");
        return List.of(variable == null || variable.isEmpty() ? SoftwareKeys.TYPE : variable);
    }

    /** Whether unlocking the key would leave nothing on standard input for a value. */
    boolean consumesStandardInput() {
        return passphrase.input().consumesStandardInput() || pin.input().consumesStandardInput();
    }

    MemoryPolicy policy() {
        return bestEffort ? MemoryPolicy.BEST_EFFORT : MemoryPolicy.REQUIRE_LOCKED;
    }

    Path directory() {
        return directoryIfGiven()
                .orElseThrow(() -> new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "no store given: use --dir DIR or set MEMGUARD_DIR"));
    }

    Optional<Path> directoryIfGiven() {
        String variable = System.getenv("MEMGUARD_DIR");
        return directory != null || variable == null || variable.isEmpty()
                ? Optional.ofNullable(directory)
                : Optional.of(UserFile.path(variable));
    }
}
