package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreKey;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.os.FileVersion;
import io.memguard.os.Forgotten;
import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Fingerprint;
import io.memguard.store.keyring.KeyChangedException;
import io.memguard.store.keyring.KeyLoader;
import io.memguard.store.keyring.KeyTransition;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.keyring.Metadata;
import io.memguard.store.keyring.Removal;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The encrypted files of one open store. Thread-safe, and safe with any number of other processes on the directory.
 * Opened by {@link StoreOpener}.
 */
public final class SecretStore implements AutoCloseable {
    /** The longest value whose file still fits a Java array: 1 GiB. */
    static final long MAX_FILE = (((1L << 30) + StoreKey.OVERHEAD) + 2) / 3 * 4;

    private static final String NOT_STORED = "the value could not be stored; the one before is unchanged";

    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final StoreLocks locks;
    private final Generations generations;
    private final StoreTotals totals;
    private final NameFiles names;
    private final ValueWriter writer;
    private final Runnable closing;

    SecretStore(
            StoreDirectory directory,
            KeyLoader loader,
            Keyring keys,
            RollbackGuards guards,
            StoreLocks locks,
            Generations generations,
            StoreTotals totals) {
        this.directory = directory;
        this.layout = directory.layout();
        this.keys = new KeyringHolder(loader, keys);
        this.guards = guards;
        this.locks = locks;
        this.generations = generations;
        this.totals = totals;
        this.names = new NameFiles(layout);
        this.writer = new ValueWriter(layout, locks, generations, totals);
        locks.follow(generations);
        guards.storeIsOpen();
        this.closing = Forgotten.watch(this, closing(directory, this.keys, guards, locks));
    }

    /** Knows only the parts: the store itself may be collected without having been closed. */
    private static Runnable closing(
            StoreDirectory directory, KeyringHolder keys, RollbackGuards guards, StoreLocks locks) {
        return () -> {
            locks.close();
            keys.close();
            guards.close();
            directory.close();
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
                        return locks.lockedWhole(work::run);
                    }
                },
                guards::of);
        return new KeyChange(steps, new Reencryption(directory, keys, guards, locks, totals), locks, totals);
    }

    /** Whether this is the provider of the store, which is closed with it. */
    public boolean uses(KeyProvider provider) {
        return keys.loader().uses(provider);
    }

    /** What enables, renews and disables the detection of rollbacks. */
    public RollbackDetection rollbackDetection() {
        return new RollbackDetection(directory, keys, guards, locks);
    }

    /** What looks for damage in this store. */
    public Verification verification() {
        return new Verification(directory, keys, guards, locks);
    }

    /** The folder of the files, by its name. */
    public Path directory() {
        return layout.displayPath();
    }

    /** A number that changes whenever a secret of this stripe is about to be replaced or deleted, in any process. */
    public long generation(int stripe) {
        try {
            return generations.get(stripe);
        } catch (InternalError e) {
            throw countersTruncated(e);
        }
    }

    /** Whether processes may change files that share no counters with this one: then each read looks at the file. */
    public boolean isShared() {
        return directory.isShared() && !directory.access().readOnly();
    }

    /**
     * Whether a value that was read at some moment is still the one in its file, and the store still where it was. Costs four
     * system calls.
     *
     * @throws MemGuardException RETRIEVE_FAILED where the directory was moved or replaced: it has to be opened again
     */
    public boolean isStill(SecretName name, Moment moment) {
        return during(
                ErrorCode.RETRIEVE_FAILED,
                "the value could not be read",
                () -> directory.use(() -> {
                    locks.requirePresent();
                    return FileVersion.of(layout.valueFile(name.hex()))
                            .filter(moment.file()::equals)
                            .isPresent();
                }));
    }

    /**
     * When a value is current that seems outdated: names that share a counter raise it for one another. Files are replaced
     * and never written to, so one that is the same still has the same content.
     *
     * @return nothing where the value has to be read again
     */
    public Optional<Moment> renewed(SecretName name, Moment before) {
        if (!before.settled() || isShared()) {
            return Optional.empty();
        }
        return during(
                ErrorCode.RETRIEVE_FAILED,
                "the value could not be read",
                () -> keys.with(now -> renewed(name, now, before)));
    }

    private Optional<Moment> renewed(SecretName name, Keyring now, Moment before) throws IOException {
        if (guards.of(now.metadata()).isOn()) {
            return Optional.empty(); // Its record has to be compared with what is in the file.
        }
        return locks.locked(name.stripe(), () -> {
            if (guards.areGiven()) {
                keys.requireStill(now.keyEpoch()); // Another process may have begun to keep records.
            }
            long generation = generations.get(name.stripe());
            return FileVersion.of(layout.valueFile(name.hex()))
                    .filter(before.file()::equals)
                    .map(same -> before.under(generation));
        });
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
        while (true) {
            try (var sealed = seal(name, value)) {
                Written written = writeAll(List.of(sealed));
                if (written.failure().isPresent()) {
                    throw notStored(written.failure().get());
                }
                return written.moments().getFirst();
            } catch (KeyChangedException e) {
                // Encrypted again.
            }
        }
    }

    /** A value on its way to disk, encrypted; the caller closes it. */
    public static final class NewValue implements AutoCloseable {
        private final SecretName name;
        private final SealedFile file;
        private final Fingerprint state;
        private final long keyEpoch;

        private NewValue(SecretName name, SealedFile file, long keyEpoch) {
            this.name = name;
            this.file = file;
            this.state = file.state();
            this.keyEpoch = keyEpoch;
        }

        SecretName name() {
            return name;
        }

        SealedFile file() {
            return file;
        }

        Fingerprint state() {
            return state;
        }

        /** The length of its file in bytes. */
        public long size() {
            return file.size();
        }

        /** Frees the memory of a large one. */
        @Override
        public void close() {
            file.close();
        }
    }

    /** Encrypts a value for {@link #writeAll}. */
    public NewValue seal(SecretName name, MemorySegment value) {
        return during(ErrorCode.STORE_FAILED, NOT_STORED, () -> {
            keys.update();
            return writable().with(now -> {
                var sealed = SealedFile.seal(now.writing(), EntryCipher.Purpose.VALUE, name.hash(), value);
                return new NewValue(name, sealed, now.keyEpoch());
            });
        });
    }

    /**
     * What became of values that were written together.
     *
     * @param moments of the values that are durable, the first of the list; as by {@link #write}
     * @param failure why the values after those are unchanged
     */
    public record Written(List<Moment> moments, Optional<IOException> failure) {}

    /**
     * Stores values of different names with few waits for the disk, each as durable and as atomic as by {@link #write}.
     * Takes all their locks: a thousand at a time are enough.
     *
     * @throws KeyChangedException where the store has another key than they were sealed under; nothing was stored
     */
    public Written writeAll(List<NewValue> values) {
        try (var lease = keys.lastSeen()) {
            Keyring current = lease.keys();
            return during(
                    ErrorCode.STORE_FAILED,
                    NOT_STORED,
                    () -> writer.write(current, guards.of(current.metadata()), values, () -> {
                        keys.requireStill(current.keyEpoch());
                        for (var value : values) {
                            keys.requireStill(value.keyEpoch);
                        }
                    }));
        }
    }

    private KeyringHolder writable() throws IOException {
        locks.requireWritable();
        return keys;
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
        return during(
                ErrorCode.RETRIEVE_FAILED,
                "the value could not be read",
                () -> keys.with(now -> read(name, now, plaintext)));
    }

    private Optional<Moment> read(SecretName name, Keyring now, PlaintextBuffer plaintext) throws IOException {
        RollbackGuard guard = guards.of(now.metadata());
        Found found = locks.locked(name.stripe(), () -> find(name, now, guard));
        if (found.file().isEmpty()) {
            if (!guard.isNewest(found.newest(), Fingerprint.ABSENT)) {
                keys.requireNewest(now);
                throw rolledBack(name);
            }
            return Optional.empty();
        }
        try (var file = found.file().get();
                var sealed = Base64Ciphertext.read(file)) {
            Fingerprint actual = guard.isOn() ? Fingerprint.of(sealed.bytes()) : found.newest();
            if (!now.open(EntryCipher.Purpose.VALUE, name.hash(), sealed.bytes(), plaintext)) {
                keys.requireNewest(now);
                throw damaged(name);
            }
            if (!guard.isNewest(found.newest(), actual)) {
                plaintext.close();
                keys.requireNewest(now);
                throw rolledBack(name);
            }
            return Optional.of(Moment.of(found.generation(), file.version()));
        }
    }

    /** @param newest the state that the file should have, where the store is guarded */
    private record Found(Optional<SmallFile> file, long generation, Fingerprint newest) {}

    /** What is open stays as it is: writers put another file in its place. */
    private Found find(SecretName name, Keyring now, RollbackGuard guard) throws IOException {
        if (guards.areGiven() && !guard.isOn()) {
            keys.requireStill(now.keyEpoch()); // Another process may have begun to keep records.
        }
        Path file = layout.valueFile(name.hex());
        Fingerprint newest =
                guard.isOn() ? guard.newest(name.hash(), () -> layout.durableFingerprint(file)) : Fingerprint.ABSENT;
        long generation = generations.get(name.stripe()); // First: it may throw, and nothing would close the file.
        return new Found(SmallFile.open(file, MAX_FILE), generation, newest);
    }

    private static MemGuardException rolledBack(SecretName name) {
        return RollbackGuard.rolledBack(
                "the file of this secret (mg_" + name.hex().substring(0, 8) + "….dat)");
    }

    private static MemGuardException damaged(SecretName name) {
        return new MemGuardException(
                ErrorCode.RETRIEVE_FAILED,
                "the file of this secret is damaged or was replaced (mg_"
                        + name.hex().substring(0, 8)
                        + "….dat does not verify); restore it from a backup, or store the value again");
    }

    /** Whether a value is stored under this name. */
    public boolean contains(SecretName name) {
        return during(
                ErrorCode.CONTAINS_FAILED,
                "could not determine whether the secret exists",
                () -> guards.areGiven()
                        ? keys.with(now -> containsByRecord(name, now))
                        : directory.use(() -> {
                            boolean there = isThere(name);
                            locks.requirePresent();
                            keys.requireNoOther();
                            return there;
                        }));
    }

    private boolean isThere(SecretName name) throws IOException {
        try {
            // One look, not exists() and then notExists(): others store and delete in between.
            Files.readAttributes(layout.valueFile(name.hex()), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw new IOException("no access to " + layout.displayPath(), e);
        }
    }

    private boolean containsByRecord(SecretName name, Keyring now) throws IOException {
        RollbackGuard guard = guards.of(now.metadata());
        record Look(boolean there, boolean isNewest) {}
        Look look = locks.locked(name.stripe(), () -> {
            keys.requireStill(now.keyEpoch());
            boolean there = isThere(name);
            if (!guard.isOn()) {
                return new Look(there, true);
            }
            Path file = layout.valueFile(name.hex());
            Fingerprint newest = guard.newest(name.hash(), () -> layout.durableFingerprint(file));
            return new Look(there, there != newest.equals(Fingerprint.ABSENT));
        });
        if (!look.isNewest()) {
            keys.requireNewest(now);
            throw rolledBack(name);
        }
        return look.there();
    }

    /** Deletes durably; false where there was nothing. */
    public boolean delete(SecretName name) {
        return during(
                ErrorCode.DELETE_FAILED,
                "the secret could not be deleted",
                () -> writable()
                        .with(now -> writer.delete(
                                name, guards.of(now.metadata()), () -> keys.requireStill(now.keyEpoch()))));
    }

    /**
     * The names of the secrets.
     *
     * @param readable sorted, each once; decoded when they are asked for
     * @param unreadable how many values have a name file that is missing or damaged
     */
    public record Names(List<String> readable, int unreadable) {}

    /** All names, decrypted, and others among them. */
    public Names names(Iterable<String> others) {
        return during(ErrorCode.RETRIEVE_FAILED, "the names could not be read", () -> {
            var readable = new NameList.Builder();
            others.forEach(readable::add);
            int unreadable = 0;
            locks.requirePresent();
            try (var files = FileIndex.of(directory, StoreLayout::isValue)) {
                for (String file : files) {
                    String hex = StoreLayout.hex(file).orElseThrow();
                    var name = nameOf(hex);
                    name.ifPresent(utf8 -> readable.add(MemorySegment.ofArray(utf8)));
                    // A value is deleted before its name: one that is still there has no name that opens.
                    unreadable +=
                            name.isPresent() || directory.use(() -> Files.notExists(layout.valueFile(hex))) ? 0 : 1;
                }
            }
            return new Names(readable.sorted(), unreadable);
        });
    }

    /** Nothing where the value is gone, or its name is missing or damaged. */
    private Optional<byte[]> nameOf(String hex) throws IOException {
        return keys.with(now -> {
            Optional<byte[]> name = directory.use(() -> names.open(now, hex));
            if (name.isEmpty()) {
                keys.requireNewest(now); // Read again: the file may be under another key by now, too.
            }
            return name;
        });
    }

    /**
     * How much is stored.
     *
     * @param items values
     * @param bytes their encrypted files together
     */
    public record Totals(long items, long bytes) {}

    /**
     * How much is stored, in a time that does not depend on it: writers keep count. Only after a start of the machine, or
     * after a writer was killed, all files are counted once.
     */
    public Totals totals() {
        return during(ErrorCode.GETSTATS_FAILED, "the store could not be counted", () -> {
            locks.requirePresent();
            keys.requireNoOther();
            if (directory.access().readOnly()) {
                return FileCount.all(directory);
            }
            Optional<Totals> known = totals.sum();
            while (known.isEmpty()) {
                FileCount.run(directory, locks, totals);
                known = totals.sum();
            }
            return known.get();
        });
    }

    /**
     * Removes every value, every name, their records, the keys, and the metadata, in this order: killed in between, the next
     * opening removes the rest.
     *
     * @return how many values there were
     */
    public long removeAll() {
        return during(ErrorCode.CLEANUP_FAILED, "not everything could be removed", () -> {
            long[] values = new long[1];
            boolean ended = locks.lockedWhole(() -> {
                values[0] = removeValues();
                return removeKeys(false);
            });
            if (!ended && !locks.withoutChange(() -> locks.lockedWhole(() -> removeKeys(true)))) {
                throw Removal.isStillMade(ErrorCode.CLEANUP_FAILED);
            }
            return values[0];
        });
    }

    private long removeValues() throws IOException {
        RollbackGuard guard = guards.of(requireOwn());
        generations.raiseAll();
        totals.forget();
        long values = removeFiles(StoreLayout::isValue);
        Posix.syncDirectory(layout.workingPath()); // No value may come back without its name,
        removeFiles(name -> StoreLayout.hex(name).isPresent() || StoreLayout.isTemporary(name));
        Posix.syncDirectory(layout.workingPath()); // and nothing without the metadata.
        guard.forgetSecrets(); // A token that fails can be asked again as long as the store opens.
        try (var lease = keys.lastSeen()) {
            new Removal(keys.loader()).begin(lease.keys(), guard);
        }
        return values;
    }

    /** False where a process may be making a key, and the lock for key changes is not held. */
    private boolean removeKeys(boolean withoutChange) throws IOException {
        Optional<Metadata> there = keys.loader().metadata().read().filter(this::isBeingRemoved);
        if (there.isEmpty()) {
            return true; // An opening has ended it.
        }
        var removal = new Removal(keys.loader());
        if (!withoutChange && removal.mayBecomeMore(there.get())) {
            return false;
        }
        RollbackGuard guard = guards.of(there.get());
        List<String> kept = removal.end(there.get());
        guard.forgetMetadata();
        if (!kept.isEmpty()) {
            throw Removal.keysLeft(kept);
        }
        return true;
    }

    private boolean isBeingRemoved(Metadata there) {
        return there.removing() && there.storeId().equals(keys.metadata().storeId());
    }

    /** The metadata of this store, with its present keys; or while it is being removed, by this one or a killed process. */
    private Metadata requireOwn() throws IOException {
        Optional<Metadata> there = keys.loader().metadata().read().filter(this::isBeingRemoved);
        if (there.isPresent()) {
            return there.get();
        }
        try (var lease = keys.current()) {
            return lease.keys().metadata();
        }
    }

    /** Until there is nothing more of it: a listing may leave out what is beside a file that goes. */
    private long removeFiles(Predicate<String> filter) throws IOException {
        long removed = 0;
        for (long before = -1; removed > before; ) {
            before = removed;
            removed += removeListed(filter);
        }
        return removed;
    }

    private long removeListed(Predicate<String> filter) throws IOException {
        var left = new ArrayList<String>(1);
        long[] counts = new long[2];
        directory.forEach(file -> {
            if (filter.test(file)) {
                try {
                    counts[0] += Files.deleteIfExists(layout.workingPath().resolve(file)) ? 1 : 0;
                } catch (IOException e) {
                    counts[1]++;
                    if (left.isEmpty()) {
                        left.add(file);
                    }
                }
            }
        });
        if (!left.isEmpty()) {
            throw new MemGuardException(
                    ErrorCode.CLEANUP_FAILED,
                    counts[1] + " files in " + layout.displayPath() + " could not be removed (the first: "
                            + left.getFirst() + "); fix their permissions and run cleanup again");
        }
        return counts[0];
    }

    private static <T> T during(ErrorCode code, String what, StoreLocks.Task<T> task) {
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

    /** Ends the use of the directory and wipes the keys. Idempotent. */
    @Override
    public void close() {
        closing.run();
    }
}
