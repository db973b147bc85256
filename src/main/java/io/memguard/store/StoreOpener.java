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
import io.memguard.storage.Storage;
import io.memguard.storage.StorageProvider;
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
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Opens or makes a store. A failed opening changes nothing; a key is made only where there is no data. */
public final class StoreOpener {
    private final String location;
    private final Storage storage;
    private final RollbackGuards guards;
    private final MetadataStore metadata;
    private final KeyLoader loader;

    private StoreOpener(String location, Storage storage, KeyProvider provider, RollbackGuards guards) {
        this.location = location;
        this.storage = storage;
        this.guards = guards;
        this.metadata = new MetadataStore(storage, guards);
        this.loader = new KeyLoader(metadata, provider);
    }

    /** What the metadata in a place says; nothing where there is none. */
    public static Optional<StoreInfo> describe(StorageProvider place) {
        try {
            return place.metadata().map(Metadata::parse).map(StoreInfo::of);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's metadata could not be read", e);
        }
    }

    /** Throws SECURITY_ERROR where another user could plant or replace entries. */
    public static void requireSafe(StorageProvider place) {
        try {
            place.open().ifPresent(Storage::close);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's directory could not be checked", e);
        }
    }

    /** Opens the store, without records. */
    public static SecretStore open(StorageProvider place, OpenMode mode, KeyProvider provider) {
        return open(place, mode, provider, null, false);
    }

    /**
     * Opens the store.
     *
     * @param records to detect rollbacks by; closed with the store, or here where it can't be opened
     * @param accepting whether what is there is opened even if it is not the newest state, to be accepted as such
     */
    public static SecretStore open(
            StorageProvider place,
            OpenMode mode,
            KeyProvider provider,
            @Nullable RollbackRecords records,
            boolean accepting) {
        var guards = new RollbackGuards(records);
        if (accepting) {
            guards.beginAcceptance();
        }
        try {
            return open(place, mode, provider, guards);
        } catch (Throwable failure) {
            guards.close();
            throw failure;
        }
    }

    private static SecretStore open(StorageProvider place, OpenMode mode, KeyProvider provider, RollbackGuards guards) {
        try {
            Optional<Storage> there = place.open();
            Optional<SecretStore> existing = there.isEmpty()
                    ? Optional.empty()
                    : inside(place, there.get(), provider, guards, opener -> opener.openExisting(mode));
            if (existing.isPresent()) {
                return existing.get();
            }
            if (mode == OpenMode.EXISTING || mode == OpenMode.READ_ONLY) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "there is no store in " + place.location() + "; make one with 'memguard init'");
            }
            return inside(place, create(place), provider, guards, opener -> Optional.of(opener.createOrOpen(mode)))
                    .orElseThrow();
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be opened", e);
        }
    }

    private static Storage create(StorageProvider place) {
        try {
            return place.create();
        } catch (IOException e) {
            throw notMade(place.location(), e);
        }
    }

    private static MemGuardException notMade(String location, IOException e) {
        return StoreErrors.failed(ErrorCode.STORE_FAILED, "the store could not be made in " + location, e);
    }

    @FunctionalInterface
    private interface Opening {
        Optional<SecretStore> open(StoreOpener opener) throws IOException;
    }

    /** The store takes the storage over; without one it is closed. */
    private static Optional<SecretStore> inside(
            StorageProvider place, Storage storage, KeyProvider provider, RollbackGuards guards, Opening opening) {
        Optional<SecretStore> store = Optional.empty();
        try {
            store = opening.open(new StoreOpener(place.location(), storage, provider, guards));
            return store;
        } catch (IOException e) {
            // Now: names of files lead through the open storage, whose own name can't be found after it is closed.
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be opened", e);
        } finally {
            if (store.isEmpty()) {
                storage.close();
            }
        }
    }

    private Optional<SecretStore> openExisting(OpenMode mode) throws IOException {
        Optional<Metadata> there = metadata.read();
        if (there.isEmpty()) {
            requireNoData();
            return Optional.empty();
        }
        if (there.get().removing()) {
            if (!storage.isReadOnly()) {
                storage.activate();
                finishRemoval();
            }
            return Optional.empty();
        }
        requireMayExist(mode);
        return Optional.of(open(there.get()));
    }

    /**
     * A process was killed while it removed the store. The seal proves that it was told to: without a key that opens it,
     * nothing but the metadata is removed, and that only where there is no value.
     */
    private void finishRemoval() throws IOException {
        if (!storage.lockedWhole(locked -> finishRemoval(false))
                && !storage.withoutChange(() -> storage.lockedWhole(locked -> finishRemoval(true)))) {
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

    private void requireMayExist(OpenMode mode) {
        if (mode == OpenMode.CREATE) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "there is a store in " + location + " already");
        }
    }

    private SecretStore createOrOpen(OpenMode mode) throws IOException {
        Optional<Keyring> made;
        try { // First what needs room on the disk: a store is made, or it is not.
            storage.activate();
            finishRemoval();
            // Two at once: the second one finds the first one's store.
            made = storage.lockedWhole(locked -> {
                if (metadata.read().isPresent()) {
                    return Optional.<Keyring>empty();
                }
                requireNoData();
                return Optional.of(make());
            });
        } catch (IOException e) {
            throw notMade(location, e);
        }
        if (made.isEmpty()) {
            requireMayExist(mode);
            return open(metadata.read().filter(there -> !there.removing()).orElseThrow(() -> removed()));
        }
        var store = assemble(made.get());
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
            var key = new OwnedKey(made.record(), metadata.identity());
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
        return assemble(loader.load(there, null));
    }

    /** An opening that fails before this has not even made counters. */
    private SecretStore assemble(Keyring keys) throws IOException {
        try {
            storage.activate();
            var store = new SecretStore(storage, loader, keys, guards);
            requireStill(keys.metadata());
            if (!storage.isReadOnly()) {
                if (!keys.metadata().old().isEmpty()
                        || !keys.metadata().unfinished().isEmpty()) {
                    destroyOld(store);
                }
                storage.recover();
            }
            return store;
        } catch (Throwable failure) {
            keys.keys().forEach(StoreKey::close);
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

    private void requireNoData() throws IOException {
        long[] entries = new long[1];
        storage.forEach(id -> entries[0]++);
        if (entries[0] > 0) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the metadata file is missing beside " + entries[0] + " files of data in " + storage.location()
                            + "; restore store.meta from a backup of this store (no new key is made over data)");
        }
    }

    /** Looked up when there is something to say: the first logger of a JVM takes as long as half an opening. */
    private static System.Logger log() {
        return System.getLogger(StoreOpener.class.getName());
    }
}
