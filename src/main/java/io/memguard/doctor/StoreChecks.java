package io.memguard.doctor;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Progress;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import io.memguard.memory.NativeLibraries;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.SecretStore;
import io.memguard.store.StoreInfo;
import io.memguard.store.StoreOpener;
import io.memguard.store.Verification;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A store: its folder, its key, and on demand each of its files. */
final class StoreChecks {
    private StoreChecks() {}

    static List<Finding> all(
            Path directory, KeyProvider provider, Optional<RollbackRecords> records, Optional<Progress> verify) {
        var findings = new ArrayList<Finding>();
        try {
            Optional<StoreInfo> info = StoreOpener.describe(new DirectoryStorageProvider(directory));
            if (info.isEmpty()) {
                return List.of(
                        Finding.advice("store", "there is none in " + directory, "memguard init --dir " + directory));
            }
            findings.add(Finding.ok("store", describe(directory, info.get())));
            findings.add(permissions(directory));
            info.get()
                    .change()
                    .ifPresent(change -> findings.add(Finding.problem("key change", change.what(), change.remedy())));
            if (!info.get().oldKeys().isEmpty()) {
                findings.add(Finding.advice(
                        "old keys",
                        "not destroyed yet: " + String.join(", ", info.get().oldKeys()),
                        "open the store once with the providers of both keys (--keys may be given several times); where this"
                                + " folder is a copy of a store that still needs them: memguard rekey --forget-old"));
            }
        } catch (MemGuardException e) {
            return List.of(Finding.of(Finding.Level.PROBLEM, "store", e));
        }
        if (NativeLibraries.isLoaded()) {
            open(directory, provider, records, verify, findings);
        } else {
            findings.add(
                    Finding.problem("key", "not tried without the native library", "fix the native libraries first"));
        }
        return findings;
    }

    private static String describe(Path directory, StoreInfo info) {
        return directory + ": format " + info.formatVersion() + ", id " + info.storeId() + ", key with "
                + info.keys().provider() + " (" + info.keys().mode().name().toLowerCase(Locale.ROOT) + ")";
    }

    private static Finding permissions(Path directory) {
        try {
            StoreOpener.requireSafe(new DirectoryStorageProvider(directory));
            return Finding.ok("store permissions", "its owner's only");
        } catch (MemGuardException e) {
            return Finding.of(Finding.Level.PROBLEM, "store permissions", e);
        }
    }

    private static void open(
            Path directory,
            KeyProvider provider,
            Optional<RollbackRecords> records,
            Optional<Progress> verify,
            List<Finding> findings) {
        try (SecretStore store = StoreOpener.open(
                new DirectoryStorageProvider(directory), OpenMode.EXISTING, provider, records.orElse(null), false)) {
            Verification verification = store.verification();
            findings.add(
                    verification.roundTrip()
                            ? Finding.ok("key", "opened; 32 random bytes sealed and opened under it")
                            : Finding.problem(
                                    "key",
                                    "what it seals does not come back",
                                    "don't store anything; have the token or the machine checked"));
            verify.ifPresent(progress -> findings.addAll(files(verification.run(progress))));
        } catch (MemGuardException e) {
            boolean notAsked = e.code() == ErrorCode.INVALID_ARGUMENTS; // For instance no terminal for the passphrase.
            findings.add(Finding.of(notAsked ? Finding.Level.ADVICE : Finding.Level.PROBLEM, "key", e));
        }
    }

    private static List<Finding> files(Verification.Result result) {
        var findings = new ArrayList<Finding>();
        if (!result.damaged().isEmpty()) {
            findings.add(Finding.problem(
                    "store files",
                    "damaged: " + result.damaged().among(result.files()),
                    "restore these files from a backup of this store, or store the secrets again"));
        }
        if (!result.nameless().isEmpty()) {
            findings.add(Finding.problem(
                    "store files",
                    "values without a name: " + result.nameless().among(result.files()),
                    "restore the .name files from a backup of this store, or store the secrets again"));
        }
        if (!result.rolledBack().isEmpty()) {
            findings.add(
                    Finding.problem(
                            "store files",
                            "not in the state that was stored last, or missing: "
                                    + result.rolledBack().among(result.files()),
                            "restore the newest backup and store the secrets again; 'memguard records accept' takes them as they are"));
        }
        if (!result.exposed().isEmpty()) {
            findings.add(Finding.advice(
                    "store files",
                    "readable for others, were it not for the folder: "
                            + result.exposed().among(result.files()),
                    "chmod 600 those files"));
        }
        return findings.isEmpty()
                ? List.of(Finding.ok("store files", "all " + result.files() + " verified"))
                : findings;
    }
}
