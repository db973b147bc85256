package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyProvider;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.os.Forgotten;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.Generations;
import io.memguard.storage.LockedStorage;
import io.memguard.storage.Moment;
import io.memguard.storage.OpenEntry;
import io.memguard.storage.Published;
import io.memguard.storage.Storage;
import io.memguard.storage.Totals;
import io.memguard.store.keyring.KeyChangedException;
import io.memguard.store.keyring.KeyLoader;
import io.memguard.store.keyring.KeyTransition;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The encrypted entries of one open store. Thread-safe, and safe with any number of other processes on the storage. Opened by
 * {@link StoreOpener}.
 */
public final class SecretStore implements AutoCloseable {
    private static final String NOT_STORED = "the value could not be stored; the one before is unchanged";
    private static final String NOT_READ = "the value could not be read";

    private final Storage storage;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final Generations generations;
    private final ValueWriter writer;
    private final Runnable closing;

    SecretStore(Storage storage, KeyLoader loader, Keyring keys, RollbackGuards guards) {
        this.storage = storage;
        this.keys = new KeyringHolder(loader, keys);
        this.guards = guards;
        this.generations = storage.generations();
        this.writer = new ValueWriter(storage, this.keys, guards);
        guards.storeIsOpen();
        this.closing = Forgotten.watch(this, closing(storage, this.keys, guards));
    }

    /** Knows only the parts: the store itself may be collected without having been closed. */
    private static Runnable closing(Storage storage, KeyringHolder keys, RollbackGuards guards) {
        return () -> {
            storage.close();
            keys.close();
            guards.close();
            keys.loader().close();
        };
    }

    /** Opens the keys again, by the native route, once the native libraries are back. */
    public void reopenKeys() {
        keys.reopen();
    }

    /** What the metadata says. */
    public StoreInfo info() {
        return StoreInfo.of(keys.metadata());
    }

    /** What changes the key of this store. */
    public KeyChange keyChange() {
        var steps = new KeyTransition(
                keys,
                new KeyTransition.WholeLock() {
                    @Override
                    public <T extends @Nullable Object> T run(KeyTransition.Work<T> work) throws IOException {
                        return storage.lockedWhole(locked -> work.run());
                    }
                },
                guards::of);
        return new KeyChange(steps, new Reencryption(storage, keys, guards), storage);
    }

    /** Whether this is the provider of the store, which is closed with it. */
    public boolean uses(KeyProvider provider) {
        return keys.loader().uses(provider);
    }

    /** What enables, renews and disables the detection of rollbacks. */
    public RollbackDetection rollbackDetection() {
        return new RollbackDetection(storage, keys, guards);
    }

    /** What looks for damage in this store. */
    public Verification verification() {
        return new Verification(storage, keys, guards);
    }

    /** The place of the store, as users know it. */
    public String location() {
        return storage.location();
    }

    /** A number that changes whenever a secret of this stripe is about to be replaced or deleted, in any process. */
    public long generation(int stripe) {
        try {
            return generations.get(stripe);
        } catch (InternalError e) {
            throw countersTruncated(e);
        }
    }

    /** Whether processes may change entries that share no counters with this one: then each read looks at the storage. */
    public boolean isShared() {
        return storage.isShared();
    }

    /**
     * Whether a value that was read at some moment is still the one that is stored, and the store still where it was.
     *
     * @throws MemGuardException RETRIEVE_FAILED where the store was moved or replaced: it has to be opened again
     */
    public boolean isStill(SecretName name, Moment moment) {
        return during(ErrorCode.RETRIEVE_FAILED, NOT_READ, () -> storage.isStill(name.value(), moment.version()));
    }

    /**
     * When a value is current that seems outdated: names that share a counter raise it for one another. One whose version is the
     * same still has the same content.
     *
     * @return nothing where the value has to be read again
     */
    public Optional<Moment> renewed(SecretName name, Moment before) {
        if (!before.settled() || isShared()) {
            return Optional.empty();
        }
        return during(ErrorCode.RETRIEVE_FAILED, NOT_READ, () -> keys.with(now -> renewed(name, now, before)));
    }

    private Optional<Moment> renewed(SecretName name, Keyring now, Moment before) throws IOException {
        if (guards.of(now.metadata()).isOn()) {
            return Optional.empty(); // Its record has to be compared with what is stored.
        }
        return storage.locked(name.value(), locked -> {
            requireStillWithoutRecords(now);
            return locked.moment(name.value()).filter(same -> same.version().equals(before.version()));
        });
    }

    /** Another process may have enabled records; only a store that was given some has to know at once. */
    private void requireStillWithoutRecords(Keyring now) throws IOException {
        if (guards.areGiven()) {
            keys.requireStill(now.keyEpoch());
        }
    }

    /** What the JVM makes of SIGBUS, some calls after the access; in compiled code it may come later than here. */
    private static MemGuardException countersTruncated(InternalError e) {
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "a file of counters was truncated while the store is open; close the store and open it again",
                e);
    }

    /**
     * Stores durably: when it returns, the value survives a power cut; when it throws, the one before is still there.
     *
     * @return when this value was the current one
     */
    public Moment write(SecretName name, MemorySegment value) {
        Published written = writeAll(values -> values.accept(seal(name, value)));
        if (written.failure().isPresent()) {
            throw notStored(written.failure().get());
        }
        return written.moments().getFirst();
    }

    /** Encrypts a value for {@link #writeAll}. */
    public NewValue seal(SecretName name, MemorySegment value) {
        return during(ErrorCode.STORE_FAILED, NOT_STORED, () -> {
            keys.update();
            storage.requireWritable();
            return keys.with(
                    now -> new NewValue(name, SealedEntry.seal(now.writing(), name.value(), value), now.keyEpoch()));
        });
    }

    /**
     * Stores values of different names with few waits for the disk, each as durable and as atomic as by {@link #write}.
     * Takes all their locks: a thousand at a time are enough.
     *
     * @param sealing gives each value that it has encrypted by {@link #seal}; run again where the store has switched to another
     *     key in the meantime
     */
    public Published writeAll(Consumer<Consumer<NewValue>> sealing) {
        while (true) {
            var values = new ArrayList<NewValue>();
            try {
                sealing.accept(values::add);
                return during(ErrorCode.STORE_FAILED, NOT_STORED, () -> {
                    try (var lease = keys.lastSeen()) {
                        return writer.write(lease.keys(), values);
                    }
                });
            } catch (KeyChangedException e) {
                // Encrypted again.
            } finally {
                values.forEach(NewValue::close);
            }
        }
    }

    /** The same error as {@link #write} gives. */
    public static MemGuardException notStored(IOException failure) {
        return StoreErrors.failed(ErrorCode.STORE_FAILED, NOT_STORED, failure);
    }

    /**
     * Decrypts into protected memory, which the caller closes; it has no memory where there is no such secret.
     *
     * @return when the value was the current one; nothing where there is no such secret
     */
    public Optional<Moment> read(SecretName name, PlaintextBuffer plaintext) {
        return during(ErrorCode.RETRIEVE_FAILED, NOT_READ, () -> keys.with(now -> read(name, now, plaintext)));
    }

    private Optional<Moment> read(SecretName name, Keyring now, PlaintextBuffer plaintext) throws IOException {
        RollbackGuard guard = guards.of(now.metadata());
        Found found = storage.locked(name.value(), locked -> find(name, now, guard, locked));
        if (found.entry().isEmpty()) {
            requireNewest(guard.isNewest(found.newest(), Fingerprint.ABSENT), name, now);
            return Optional.empty();
        }
        try (var entry = found.entry().get();
                var sealed = entry.read()) {
            Fingerprint actual = guard.isOn() ? Fingerprint.of(sealed.bytes()) : found.newest();
            if (!now.open(name.value(), sealed.bytes(), plaintext)) {
                keys.requireNewest(now);
                throw damaged(name.value());
            }
            if (!guard.isNewest(found.newest(), actual)) {
                plaintext.close();
                requireNewest(false, name, now);
            }
            return Optional.of(entry.moment());
        }
    }

    /** @param newest the state that the entry should have, where the store is guarded */
    private record Found(Optional<OpenEntry> entry, Fingerprint newest) {}

    /** What is open stays as it is. */
    private Found find(SecretName name, Keyring now, RollbackGuard guard, LockedStorage locked) throws IOException {
        if (!guard.isOn()) {
            requireStillWithoutRecords(now);
        }
        Fingerprint newest =
                guard.newest(locked, name.value()); // First: it may throw, and nothing would close the entry.
        return new Found(locked.open(name.value()), newest);
    }

    /** A state that is not the newest may be that of other metadata, which says more. */
    private void requireNewest(boolean newest, SecretName name, Keyring now) throws IOException {
        if (!newest) {
            keys.requireNewest(now);
            throw RollbackGuard.rolledBack("the file of this secret (" + shortened(name.value()) + ")");
        }
    }

    private MemGuardException damaged(EntryId id) {
        return new MemGuardException(
                ErrorCode.RETRIEVE_FAILED,
                "the file of this secret is damaged or was replaced (" + shortened(id)
                        + " does not verify); restore it from a backup, or store the value again");
    }

    private String shortened(EntryId id) {
        return storage.describe(id).replace(id.hex(), id.hex().substring(0, 8) + "…");
    }

    /** Whether a value is stored under this name. */
    public boolean contains(SecretName name) {
        return during(ErrorCode.CONTAINS_FAILED, "could not determine whether the secret exists", () -> {
            if (guards.areGiven()) {
                return keys.with(now -> containsByRecord(name, now));
            }
            boolean there = storage.contains(name.value());
            keys.requireNoOther();
            return there;
        });
    }

    private boolean containsByRecord(SecretName name, Keyring now) throws IOException {
        RollbackGuard guard = guards.of(now.metadata());
        record Look(boolean there, boolean isNewest) {}
        Look look = storage.locked(name.value(), locked -> {
            keys.requireStill(now.keyEpoch());
            boolean there = locked.contains(name.value());
            boolean expected =
                    !guard.isOn() || there != guard.newest(locked, name.value()).equals(Fingerprint.ABSENT);
            return new Look(there, expected);
        });
        requireNewest(look.isNewest(), name, now);
        return look.there();
    }

    /** Deletes durably; false where there was nothing. */
    public boolean delete(SecretName name) {
        return during(ErrorCode.DELETE_FAILED, "the secret could not be deleted", () -> {
            storage.requireWritable();
            return keys.with(now -> writer.delete(name, now));
        });
    }

    /** All names, decrypted, and others among them. */
    public StoreNames names(Iterable<String> others) {
        return during(
                ErrorCode.RETRIEVE_FAILED, "the names could not be read", () -> StoreNames.of(storage, keys, others));
    }

    /**
     * How much is stored, in a time that does not depend on it: writers keep count. Only after a start of the machine, or
     * after a writer was killed, all entries are counted once.
     */
    public Totals totals() {
        return during(ErrorCode.GETSTATS_FAILED, "the store could not be counted", () -> {
            storage.requirePresent();
            keys.requireNoOther();
            return storage.totals();
        });
    }

    /**
     * Removes every value, every name, their records, the keys, and the metadata.
     *
     * @return how many values there were
     */
    public long removeAll() {
        return during(
                ErrorCode.CLEANUP_FAILED,
                "not everything could be removed",
                () -> new StoreRemoval(storage, keys, guards).run());
    }

    @FunctionalInterface
    private interface Task<T> {
        T run() throws IOException;
    }

    private static <T> T during(ErrorCode code, String what, Task<T> task) {
        try {
            return task.run();
        } catch (IOException e) {
            throw StoreErrors.failed(code, what, e);
        } catch (InternalError e) {
            throw countersTruncated(e);
        } catch (OutOfMemoryError e) {
            throw StoreErrors.failed(code, what, e);
        } finally {
            Reference.reachabilityFence(task); // Which has the store: so it is not collected during the call.
        }
    }

    /** Ends the use of the storage and wipes the keys. Idempotent. */
    @Override
    public void close() {
        closing.run();
    }
}
