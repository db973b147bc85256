package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.Progress;
import io.memguard.SecretBuffer;
import io.memguard.memory.GuardedMemory;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.memory.Sodium;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.TreeSet;

/** Opens every file of a store, while other processes read and write. Changes no file; plaintext is in windows only. */
public final class Verification {
    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final StoreLocks locks;

    Verification(StoreDirectory directory, KeyringHolder keys, RollbackGuards guards, StoreLocks locks) {
        this.directory = directory;
        this.layout = directory.layout();
        this.keys = keys;
        this.guards = guards;
        this.locks = locks;
    }

    /**
     * What was found.
     *
     * @param files that were opened: values and names
     * @param damaged whose content is not what was stored, or can't be read
     * @param nameless values whose name is missing, so that {@code list} leaves them out
     * @param rolledBack that are not in the state that was recorded last, or are missing; of a store that keeps records
     * @param exposed that others than the owner may read or write, as far as the folder lets them
     */
    public record Result(
            long files, FoundFiles damaged, FoundFiles nameless, FoundFiles rolledBack, FoundFiles exposed) {}

    /** Whether random bytes sealed under the store's key come back. */
    public boolean roundTrip() {
        byte[] context = Sodium.random(32);
        try (var plaintext = SecretBuffer.allocate(32)) {
            return plaintext.<Boolean, IOException>write(random -> {
                Sodium.random(random);
                try (var lease = keys.current()) {
                    byte[] sealed = lease.keys().writing().seal(EntryCipher.Purpose.VALUE, context, random);
                    var opened = lease.keys()
                            .<Boolean, RuntimeException>open(
                                    EntryCipher.Purpose.VALUE,
                                    context,
                                    sealed,
                                    text -> GuardedMemory.equal(text, random));
                    return Boolean.TRUE.equals(opened.result());
                }
            });
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be verified", e);
        }
    }

    /** Opens all files; {@code progress} counts them. */
    public Result run(Progress progress) {
        try (var files = FileIndex.of(directory, file -> true)) {
            var result =
                    new Result(files.size(), new FoundFiles(), new FoundFiles(), new FoundFiles(), new FoundFiles());
            progress.at(0, files.size());
            long done = 0;
            for (String file : files) {
                look(file, result);
                progress.at(++done, files.size());
            }
            lookAtRecords(files, result.rolledBack());
            return result;
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be verified", e);
        }
    }

    /** Of the files that were there, and of those that should be. */
    private void lookAtRecords(FileIndex files, FoundFiles rolledBack) throws IOException {
        try (var lease = keys.current()) {
            RollbackGuard guard = guards.of(lease.keys().metadata());
            if (guard.isOn()) {
                var missing = new TreeSet<>(guard.hashes());
                for (String file : files) {
                    String hash = StoreLayout.hex(file).orElseThrow();
                    if (StoreLayout.isValue(file)) {
                        missing.remove(hash);
                        lookAtRecord(hash, guard, rolledBack);
                    }
                }
                for (String hash : missing) {
                    lookAtRecord(hash, guard, rolledBack);
                }
            }
        }
    }

    private void lookAtRecord(String hash, RollbackGuard guard, FoundFiles rolledBack) throws IOException {
        Path file = layout.valueFile(hash);
        boolean right = locks.locked(StoreLayout.stripeOfHex(hash), () -> {
            return guard.newest(HexFormat.of().parseHex(hash), () -> layout.durableFingerprint(file))
                    .equals(layout.fingerprint(file));
        });
        if (!right) {
            rolledBack.add(StoreLayout.file(hash, true));
        }
    }

    private void look(String file, Result result) {
        Path path = layout.workingPath().resolve(file);
        try {
            if (!isAuthentic(file)) {
                result.damaged().add(file);
            }
            directory.use(() -> {
                lookAtPlace(file, path, result);
                return true;
            });
        } catch (NoSuchFileException e) {
            // Deleted in the meantime.
        } catch (IOException e) {
            result.damaged().add(file);
        }
    }

    private void lookAtPlace(String file, Path path, Result result) throws IOException {
        if (isExposed(path)) {
            result.exposed().add(file);
        }
        String hash = StoreLayout.hex(file).orElseThrow();
        // A name comes before its value and goes after it; it is asked for twice, as others store and delete in
        // between.
        if (StoreLayout.isValue(file)
                && Files.notExists(layout.nameFile(hash), LinkOption.NOFOLLOW_LINKS)
                && Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                && Files.notExists(layout.nameFile(hash), LinkOption.NOFOLLOW_LINKS)) {
            result.nameless().add(file);
        }
    }

    private static boolean isExposed(Path path) throws IOException {
        String permissions =
                PosixFilePermissions.toString(Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS));
        return !permissions.endsWith("------");
    }

    private boolean isAuthentic(String file) throws IOException {
        String hash = StoreLayout.hex(file).orElseThrow();
        Path path = layout.workingPath().resolve(file);
        return keys.with(now -> {
            // What is open stays as it is.
            try (var content = locks.locked(
                            StoreLayout.stripeOfHex(hash), () -> SmallFile.open(path, SecretStore.MAX_FILE))
                    .orElse(null)) {
                boolean authentic = content == null || isAuthentic(now, file, content); // or deleted in the meantime
                if (!authentic) {
                    keys.requireNewest(now);
                }
                return authentic;
            }
        });
    }

    private static boolean isAuthentic(Keyring keys, String file, SmallFile content) throws IOException {
        var purpose = StoreLayout.isValue(file) ? EntryCipher.Purpose.VALUE : EntryCipher.Purpose.NAME;
        byte[] context = HexFormat.of().parseHex(StoreLayout.hex(file).orElseThrow());
        try (var sealed = Base64Ciphertext.read(content);
                var opened = PlaintextBuffer.empty()) {
            return keys.open(purpose, context, sealed.bytes(), opened);
        }
    }
}
