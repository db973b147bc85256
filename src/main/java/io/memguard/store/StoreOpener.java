package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.Sodium;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.KeyCheck;
import io.memguard.store.keyring.KeyLoader;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.Metadata;
import io.memguard.store.keyring.MetadataStore;
import io.memguard.store.keyring.OwnedKey;
import io.memguard.store.keyring.Removal;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Opens or makes a store. A failed opening changes nothing on disk; a key is made only where there is no data. */
public final class StoreOpener {
    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final RollbackGuards guards;
    private final DirectoryKeyringStorage storage;
    private final MetadataStore metadata;
    private final KeyLoader loader;

    private StoreOpener(StoreDirectory directory, KeyProvider provider, RollbackGuards guards) throws IOException {
        this.directory = directory;
        this.layout = directory.layout();
        this.guards = guards;
        this.storage = new DirectoryKeyringStorage(layout);
        this.metadata = new MetadataStore(storage, guards);
        this.loader = new KeyLoader(metadata, provider);
    }

    /** What the metadata in a directory says; nothing where there is none. */
    public static Optional<StoreInfo> describe(Path parent) {
        try {
            return SmallFile.read(StoreLayout.in(parent).metadata(), Metadata.MAX_SIZE)
                    .map(Metadata::parse)
                    .map(StoreInfo::of);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's metadata could not be read", e);
        }
    }

    /** Throws SECURITY_ERROR where another user could plant or replace files. */
    public static void requireSafe(Path parent, StoreAccess access) {
        try {
            StoreDirectory.open(parent, access).ifPresent(StoreDirectory::close);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's directory could not be checked", e);
        }
    }

    /** Opens the store in {@code parent/memguard_secure}, without records. */
    public static SecretStore open(Path parent, OpenMode mode, KeyProvider provider) {
        return open(parent, mode, provider, null, false, StoreAccess.USUAL);
    }

    /**
     * Opens the store in {@code parent/memguard_secure}.
     *
     * @param records to detect rollbacks by; closed with the store, or here where it can't be opened
     * @param access what the caller has chosen about its place
     * @param accepting whether what is there is opened even if it is not the newest state, to be accepted as such
     */
    public static SecretStore open(
            Path parent,
            OpenMode mode,
            KeyProvider provider,
            @Nullable RollbackRecords records,
            boolean accepting,
            StoreAccess access) {
        var guards = new RollbackGuards(records);
        if (accepting) {
            guards.beginAcceptance();
        }
        try {
            return open(parent, mode, provider, guards, access);
        } catch (Throwable failure) {
            guards.close();
            throw failure;
        }
    }

    private static SecretStore open(
            Path parent, OpenMode mode, KeyProvider provider, RollbackGuards guards, StoreAccess access) {
        Path place = parent.toAbsolutePath().normalize();
        try {
            Optional<SecretStore> existing = openExisting(place, mode, provider, guards, access);
            if (existing.isPresent()) {
                return existing.get();
            }
            if (mode == OpenMode.EXISTING || mode == OpenMode.READ_ONLY) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "there is no store in " + place + "; make one with 'memguard init'");
            }
            return create(place, mode, provider, guards, access);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be opened", e);
        }
    }

    private static Optional<SecretStore> openExisting(
            Path parent, OpenMode mode, KeyProvider provider, RollbackGuards guards, StoreAccess access)
            throws IOException {
        Optional<StoreDirectory> directory = StoreDirectory.open(parent, access);
        return directory.isEmpty()
                ? Optional.empty()
                : inside(directory.get(), provider, guards, opener -> opener.openExisting(parent, mode));
    }

    private static SecretStore create(
            Path parent, OpenMode mode, KeyProvider provider, RollbackGuards guards, StoreAccess access)
            throws IOException {
        StoreDirectory directory;
        try {
            directory = StoreDirectory.create(parent, access);
        } catch (IOException e) {
            throw notMade(parent, e);
        }
        return inside(directory, provider, guards, opener -> Optional.of(opener.createOrOpen(parent, mode)))
                .orElseThrow();
    }

    private static MemGuardException notMade(Path parent, IOException e) {
        return StoreErrors.failed(ErrorCode.STORE_FAILED, "the store could not be made in " + parent, e);
    }

    @FunctionalInterface
    private interface Opening {
        Optional<SecretStore> open(StoreOpener opener) throws IOException;
    }

    /** The store takes the directory over; without one it is closed. */
    private static Optional<SecretStore> inside(
            StoreDirectory directory, KeyProvider provider, RollbackGuards guards, Opening opening) {
        Optional<SecretStore> store = Optional.empty();
        try {
            store = opening.open(new StoreOpener(directory, provider, guards));
            return store;
        } catch (IOException e) {
            // Now: names of files lead through the held directory, whose own name can't be found after it is closed.
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be opened", e);
        } finally {
            if (store.isEmpty()) {
                directory.close();
            }
        }
    }

    private Optional<SecretStore> openExisting(Path parent, OpenMode mode) throws IOException {
        Optional<Metadata> there = metadata.read();
        if (there.isEmpty()) {
            requireNoData();
            return Optional.empty();
        }
        if (there.get().removing() && directory.access().readOnly()) {
            return Optional.empty();
        }
        if (there.get().removing()) {
            storage.use(Generations.open(layout.generations()));
            try (var locks = new StoreLocks(layout)) {
                finishRemoval(locks);
            }
            return Optional.empty();
        }
        requireMayExist(parent, mode);
        return Optional.of(open(there.get()));
    }

    /**
     * A process was killed while it removed the store. The seal proves that it was told to: without a key that opens it,
     * nothing but the metadata is removed, and that only where there is no value.
     */
    private void finishRemoval(StoreLocks locks) throws IOException {
        if (!locks.lockedWhole(() -> finishRemoval(false))
                && !locks.withoutChange(() -> locks.lockedWhole(() -> finishRemoval(true)))) {
            throw Removal.isStillMade(ErrorCode.STORE_FAILED);
        }
    }

    /** False where a process may be making a key, and the lock for key changes is not held. */
    private boolean finishRemoval(boolean withoutChange) throws IOException {
        Optional<Metadata> there = metadata.read().filter(Metadata::removing);
        if (there.isEmpty()) {
            return true;
        }
        requireNoData();
        var removal = new Removal(loader);
        if (!withoutChange && removal.mayBecomeMore(there.get())) {
            return false;
        }
        Keyring keys;
        try {
            keys = loader.load(there.get(), null);
        } catch (MemGuardException e) {
            if (e.code() != ErrorCode.KEY_INVALID) {
                throw e;
            }
            removal.finish(there.get(), e);
            return true;
        }
        try {
            RollbackGuard guard = guards.of(there.get());
            removal.end(there.get())
                    .forEach(key -> log().log(System.Logger.Level.WARNING, "a removed store''s key stays: {0}", key));
            guard.forgetAll();
            return true;
        } finally {
            keys.keys().forEach(StoreKey::close);
        }
    }

    private static void requireMayExist(Path parent, OpenMode mode) {
        if (mode == OpenMode.CREATE) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "there is a store in " + parent + " already");
        }
    }

    private SecretStore createOrOpen(Path parent, OpenMode mode) throws IOException {
        Optional<Keyring> made;
        try { // First what needs room on the disk: a store is made, or it is not.
            storage.use(Generations.open(layout.generations()));
            StoreTotals.reserve(layout.totals());
        } catch (IOException e) {
            throw notMade(parent, e);
        }
        // Two at once: the second one finds the first one's store.
        try (var locks = new StoreLocks(layout)) {
            finishRemoval(locks);
            made = locks.lockedWhole(() -> {
                if (metadata.read().isPresent()) {
                    return Optional.<Keyring>empty();
                }
                requireNoData();
                return Optional.of(make());
            });
        } catch (IOException e) {
            throw notMade(parent, e);
        }
        if (made.isEmpty()) {
            requireMayExist(parent, mode);
            return open(metadata.read().filter(there -> !there.removing()).orElseThrow(() -> removed()));
        }
        var store = openMade(made.get());
        countFromTheBeginning(store);
        return store;
    }

    /** Best effort, too: a caller that asks for the totals counts then. */
    private static void countFromTheBeginning(SecretStore store) {
        try {
            store.totals();
        } catch (MemGuardException e) {
            log().log(System.Logger.Level.DEBUG, "a new store could not be counted: {0}", e.getMessage());
        }
    }

    private Keyring make() throws IOException {
        NativeLibraries.require();
        String storeId = HexFormat.of().formatHex(Sodium.random(16));
        StoreContext context = loader.context(storeId).withNonce(HexFormat.of().formatHex(Sodium.random(8)));
        guards.requireReachable(storeId);
        var made = loader.create(context);
        try {
            var key = new OwnedKey(made.record(), storage.identity());
            var first = Metadata.of(storeId, key, KeyCheck.of(new EntryCipher(made.key(), storeId)))
                    .withRecords(guards.areGiven());
            Metadata written = metadata.create(first, made.key(), guards.of(first));
            return new Keyring(written, new Keyring.OpenKey(made.key(), true), null);
        } catch (Throwable failure) {
            made.key().close();
            unmake(context, made.record(), failure);
            throw failure;
        }
    }

    /** The disk or the token may fail when the metadata is in place: it never stays without its key, nor records of it. */
    private void unmake(StoreContext context, KeyDescriptor record, Throwable failure) {
        try {
            metadata.remove();
            if (guards.areGiven()) {
                guards.beginning(context.storeId()).forgetAll();
            }
            loader.erase(context, record);
        } catch (IOException | MemGuardException e) {
            failure.addSuppressed(e); // Metadata that is in place keeps its key.
        }
    }

    private SecretStore open(Metadata there) throws IOException {
        Keyring keys = loader.load(there, null);
        try {
            if (directory.access().readOnly()) {
                return assembleForReading(keys);
            }
            var generations = Generations.open(layout.generations());
            storage.use(generations);
            return assemble(generations, keys);
        } catch (Throwable failure) {
            keys.keys().forEach(StoreKey::close);
            throw failure;
        }
    }

    private SecretStore assembleForReading(Keyring keys) throws IOException {
        var generations = Generations.inMemory(layout.generations());
        storage.use(generations);
        var locks = StoreLocks.none(directory);
        var store = new SecretStore(directory, loader, keys, guards, locks, generations, StoreTotals.none(locks));
        requireStill(keys.metadata());
        return store;
    }

    private SecretStore openMade(Keyring made) throws IOException {
        try {
            var generations = Generations.open(layout.generations());
            storage.use(generations);
            return assemble(generations, made);
        } catch (Throwable failure) {
            made.keys().forEach(StoreKey::close);
            throw failure;
        }
    }

    private SecretStore assemble(Generations generations, Keyring keys) throws IOException {
        var locks = new StoreLocks(layout);
        try {
            var totals = StoreTotals.open(layout.totals(), locks);
            var store = new SecretStore(directory, loader, keys, guards, locks, generations, totals);
            requireStill(keys.metadata());
            if (!keys.metadata().old().isEmpty()
                    || !keys.metadata().unfinished().isEmpty()) {
                destroyOld(store);
            }
            if (!totals.isClear()) {
                totals.setClear(true); // Before looking: a writer may be killed in the meantime.
                clearTemporaries(locks);
            }
            return store;
        } catch (Throwable failure) {
            locks.close();
            throw failure;
        }
    }

    /** Best effort: nothing is under an old key any more. A key change that is under way destroys them itself. */
    private static void destroyOld(SecretStore store) {
        try {
            for (var left : store.keyChange().destroyOwnOld()) {
                log().log(System.Logger.Level.WARNING, "an old key is not destroyed yet: {0}", left.why());
            }
        } catch (IOException | MemGuardException e) {
            log().log(System.Logger.Level.WARNING, "an old key is not destroyed yet: {0}", e.getMessage());
        }
    }

    /** Another process may have removed the store while its key was opened. */
    private void requireStill(Metadata opened) throws IOException {
        boolean same = metadata.read()
                .filter(now -> now.storeId().equals(opened.storeId()))
                .isPresent();
        if (!same) {
            throw removed();
        }
    }

    private static MemGuardException removed() {
        return new MemGuardException(
                ErrorCode.KEY_INVALID, "the store was removed while it was being opened; open it again");
    }

    /** A temporary file whose lock is free was left by a writer that is dead. */
    private void clearTemporaries(StoreLocks locks) throws IOException {
        for (String file : directory.list(StoreLayout::isTemporary)) {
            if (StoreLayout.isTemporaryKey(file)) {
                locks.changing(true, () -> clear(file, locks));
            } else {
                clear(file, locks);
            }
        }
    }

    private void clear(String temporary, StoreLocks locks) throws IOException {
        locks.tryLocked(
                StoreLayout.stripeOfTemporary(temporary),
                () -> Files.deleteIfExists(layout.workingPath().resolve(temporary)));
    }

    private void requireNoData() throws IOException {
        int files = directory.list(name -> StoreLayout.hex(name).isPresent()).size();
        if (files > 0) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the metadata file is missing beside " + files + " files of data in " + layout.displayPath()
                            + "; restore store.meta from a backup of this store (no new key is made over data)");
        }
    }

    /** Looked up when there is something to say: the first logger of a JVM takes as long as half an opening. */
    private static System.Logger log() {
        return System.getLogger(StoreOpener.class.getName());
    }
}
