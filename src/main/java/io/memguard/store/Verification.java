package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.Progress;
import io.memguard.SecretBuffer;
import io.memguard.memory.GuardedMemory;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.memory.Sodium;
import io.memguard.storage.EntryId;
import io.memguard.storage.OpenEntry;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.util.TreeSet;

/** Opens every file of a store, while other processes read and write. Changes no file; plaintext is in windows only. */
public final class Verification {
    private final Storage storage;
    private final KeyringHolder keys;
    private final RollbackGuards guards;

    Verification(Storage storage, KeyringHolder keys, RollbackGuards guards) {
        this.storage = storage;
        this.keys = keys;
        this.guards = guards;
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
            long files, FoundEntries damaged, FoundEntries nameless, FoundEntries rolledBack, FoundEntries exposed) {}

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

    /** Opens all entries; {@code progress} counts them. */
    public Result run(Progress progress) {
        try (var entries = EntryIndex.of(storage, id -> true)) {
            var result = new Result(
                    entries.size(), new FoundEntries(), new FoundEntries(), new FoundEntries(), new FoundEntries());
            progress.at(0, entries.size());
            long done = 0;
            for (EntryId id : entries) {
                check(id, result);
                progress.at(++done, entries.size());
            }
            checkRecords(entries, result.rolledBack());
            return result;
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be verified", e);
        }
    }

    /** Of the values that were there, and of those that should be. */
    private void checkRecords(EntryIndex entries, FoundEntries rolledBack) throws IOException {
        try (var lease = keys.current()) {
            RollbackGuard guard = guards.of(lease.keys().metadata());
            if (guard.isOn()) {
                var missing = new TreeSet<>(guard.values());
                for (EntryId id : entries) {
                    if (id.isValue()) {
                        missing.remove(id);
                        checkRecord(id, guard, rolledBack);
                    }
                }
                for (EntryId value : missing) {
                    checkRecord(value, guard, rolledBack);
                }
            }
        }
    }

    private void checkRecord(EntryId value, RollbackGuard guard, FoundEntries rolledBack) throws IOException {
        if (!storage.locked(value, locked -> guard.isNewest(locked, value))) {
            rolledBack.add(storage.describe(value));
        }
    }

    private void check(EntryId id, Result result) {
        try {
            if (!isAuthentic(id)) {
                result.damaged().add(storage.describe(id));
            }
            if (storage.isExposed(id)) {
                result.exposed().add(storage.describe(id));
            }
            // A name comes before its value and goes after it; it is asked for twice, as others store and delete in
            // between.
            if (id.isValue() && !storage.contains(id.name()) && storage.contains(id) && !storage.contains(id.name())) {
                result.nameless().add(storage.describe(id));
            }
        } catch (IOException e) {
            result.damaged().add(storage.describe(id));
        }
    }

    private boolean isAuthentic(EntryId id) throws IOException {
        return keys.with(now -> {
            // What is open stays as it is.
            try (var entry = storage.locked(id, locked -> locked.open(id)).orElse(null)) {
                boolean authentic = entry == null || isAuthentic(now, id, entry); // or deleted in the meantime
                if (!authentic) {
                    keys.requireNewest(now);
                }
                return authentic;
            }
        });
    }

    private static boolean isAuthentic(Keyring keys, EntryId id, OpenEntry entry) throws IOException {
        try (var sealed = entry.read();
                var opened = PlaintextBuffer.empty()) {
            return keys.open(id, sealed.bytes(), opened);
        }
    }
}
