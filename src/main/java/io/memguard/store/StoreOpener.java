package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.TrustedRecords;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.Sodium;
import io.memguard.os.SmallFile;
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
    private final KeyLoader loader;

    private StoreOpener(StoreDirectory directory, KeyProvider provider, RollbackGuards guards) {
        this.directory = directory;
        this.layout = directory.layout();
        this.loader = new KeyLoader(layout, provider, guards);
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

    /** Throws SECURITY_ERROR where somebody else could plant or replace files. */
    public static void requireSafe(Path parent) {
        try {
            StoreDirectory.open(parent).ifPresent(StoreDirectory::close);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's directory could not be looked at", e);
        }
    }

    /** Opens the store in {@code parent/memguard_secure}, without records. */
    public static SecretStore open(Path parent, OpenMode mode, KeyProvider provider) {
        return open(parent, mode, provider, null, false);
    }

    /**
     * Opens the store in {@code parent/memguard_secure}.
     *
     * @param records to detect roll-backs by; closed with the store, or here where it can't be opened
     * @param accepting whether what lies there is opened even if it is not the newest state, to be accepted as such
     */
    public static SecretStore open(
            Path parent, OpenMode mode, KeyProvider provider, @Nullable TrustedRecords records, boolean accepting) {
        var guards = new RollbackGuards(records);
        if (accepting) {
            guards.beginAcceptance();
        }
        try {
            return open(parent, mode, provider, guards);
        } catch (Throwable failure) {
            guards.close();
            throw failure;
        }
    }

    private static SecretStore open(Path parent, OpenMode mode, KeyProvider provider, RollbackGuards guards) {
        Path place = parent.toAbsolutePath().normalize();
        try {
            Optional<SecretStore> existing = openExisting(place, mode, provider, guards);
            if (existing.isPresent()) {
                return existing.get();
            }
            if (mode == OpenMode.EXISTING) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "there is no store in " + place + "; make one with 'memguard init'");
            }
            return create(place, mode, provider, guards);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be opened", e);
        }
    }

    private static Optional<SecretStore> openExisting(
            Path parent, OpenMode mode, KeyProvider provider, RollbackGuards guards) throws IOException {
        Optional<StoreDirectory> directory = StoreDirectory.open(parent);
        return directory.isEmpty()
                ? Optional.empty()
                : inside(directory.get(), provider, guards, opener -> opener.openExisting(parent, mode));
    }

    private static SecretStore create(Path parent, OpenMode mode, KeyProvider provider, RollbackGuards guards)
            throws IOException {
        StoreDirectory directory;
        try {
            directory = StoreDirectory.create(parent);
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
            StoreDirectory directory, KeyProvider provider, RollbackGuards guards, Opening opening) throws IOException {
        Optional<SecretStore> store = Optional.empty();
        try {
            store = opening.open(new StoreOpener(directory, provider, guards));
            return store;
        } finally {
            if (store.isEmpty()) {
                directory.close();
            }
        }
    }

    private Optional<SecretStore> openExisting(Path parent, OpenMode mode) throws IOException {
        Optional<Metadata> metadata = loader.metadata();
        if (metadata.isEmpty()) {
            requireNoData();
            return Optional.empty();
        }
        requireMayExist(parent, mode);
        return Optional.of(open(metadata.get()));
    }

    private static void requireMayExist(Path parent, OpenMode mode) {
        if (mode == OpenMode.CREATE) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "there is a store in " + parent + " already");
        }
    }

    /** A store that was just made. */
    private record Made(Metadata metadata, StoreKey key) {}

    private SecretStore createOrOpen(Path parent, OpenMode mode) throws IOException {
        Optional<Made> made;
        // Two at once: the second one finds the first one's store.
        try (var locks = new StoreLocks(layout)) {
            made = locks.lockedWhole(() -> {
                if (loader.metadata().isPresent()) {
                    return Optional.<Made>empty();
                }
                requireNoData();
                return Optional.of(make());
            });
        } catch (IOException e) {
            throw notMade(parent, e);
        }
        if (made.isEmpty()) {
            requireMayExist(parent, mode);
            return open(loader.metadata().orElseThrow(() -> removed()));
        }
        var store = openMade(made.get());
        countFromTheBeginning(store);
        return store;
    }

    /** A wish, too: whoever asks for the totals counts then. */
    private static void countFromTheBeginning(SecretStore store) {
        try {
            store.totals();
        } catch (MemGuardException e) {
            log().log(System.Logger.Level.DEBUG, "a new store could not be counted: {0}", e.getMessage());
        }
    }

    private Made make() throws IOException {
        NativeLibraries.require();
        String storeId = HexFormat.of().formatHex(Sodium.random(16));
        StoreContext context = loader.context(storeId);
        loader.guards().requireReachable(storeId);
        var provider = loader.provider();
        var made = provider.create(context);
        try {
            var seal = new FileSeal(made.key(), storeId);
            var guards = loader.guards();
            var metadata =
                    Metadata.of(storeId, made.record(), Checks.ofKey(seal)).withRecords(guards.areGiven());
            return new Made(Checks.write(seal, metadata, layout, guards.of(metadata)), made.key());
        } catch (Throwable failure) {
            made.key().close();
            unmakeRecorded(storeId, failure);
            provider.erase(context, made.record());
            throw failure;
        }
    }

    /** The token may fail when the metadata are in place: they must not stay behind without their key, nor records of them. */
    private void unmakeRecorded(String storeId, Throwable failure) {
        if (loader.guards().areGiven()) {
            try {
                Files.deleteIfExists(layout.metadata());
                loader.guards().beginning(storeId).forgetAll();
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
        }
    }

    private SecretStore open(Metadata metadata) throws IOException {
        var generations = Generations.open(layout.generations());
        long epoch = generations.ofStore(); // Before the keys: whoever changes them raises it afterwards.
        return assemble(generations, loader.load(metadata, epoch, null));
    }

    private SecretStore openMade(Made made) throws IOException {
        try {
            var generations = Generations.open(layout.generations());
            return assemble(generations, new Keyring(made.metadata(), generations.ofStore(), made.key(), null));
        } catch (Throwable failure) {
            made.key().close();
            throw failure;
        }
    }

    /** Takes the keys over: they are closed with the store, or here where something fails. */
    private SecretStore assemble(Generations generations, Keyring keys) throws IOException {
        try {
            var locks = new StoreLocks(layout);
            try {
                var totals = StoreTotals.open(layout.totals(), locks);
                var store = new SecretStore(directory, loader, keys, locks, generations, totals);
                requireStill(keys.metadata());
                if (keys.metadata().old().isPresent()) {
                    forgetOld(store);
                }
                if (!totals.isClear()) {
                    totals.setClear(true); // Before looking: a writer may be killed meanwhile.
                    clearTemporaries(locks);
                }
                return store;
            } catch (Throwable failure) {
                locks.close();
                throw failure;
            }
        } catch (Throwable failure) {
            keys.keys().forEach(StoreKey::close);
            throw failure;
        }
    }

    /** A wish, not a condition: the old key opens nothing any more. */
    private static void forgetOld(SecretStore store) {
        try {
            store.rotation().forgetOld();
        } catch (IOException | MemGuardException e) {
            log().log(
                            System.Logger.Level.WARNING,
                            "the key before the present one is not removed yet: {0}",
                            e.getMessage());
        }
    }

    /** Somebody may have removed the store while its key was opened; the epoch is read already. */
    private void requireStill(Metadata metadata) throws IOException {
        boolean same = loader.metadata()
                .filter(now -> now.storeId().equals(metadata.storeId()))
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
            locks.ifFree(
                    StoreLayout.stripeOfTemporary(file),
                    () -> Files.deleteIfExists(layout.directory().resolve(file)));
        }
    }

    private void requireNoData() throws IOException {
        int files = directory.list(name -> StoreLayout.hex(name).isPresent()).size();
        if (files > 0) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the metadata file is missing beside " + files + " files of data in " + layout.name()
                            + "; restore store.meta from a backup of this store (no new key is made over data)");
        }
    }

    /** Looked up when there is something to say: the first logger of a JVM takes as long as half an opening. */
    private static System.Logger log() {
        return System.getLogger(StoreOpener.class.getName());
    }
}
