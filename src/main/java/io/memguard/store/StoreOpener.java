package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.Sodium;
import io.memguard.os.SmallFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;

/** Opens or makes a store. A failed opening changes nothing on disk; a key is made only where there is no data. */
public final class StoreOpener {
    private static final System.Logger LOG = System.getLogger(StoreOpener.class.getName());

    private final Path parent;
    private final StoreLayout layout;
    private final KeyLoader loader;

    private StoreOpener(Path parent, KeyProvider provider) {
        this.parent = parent;
        this.layout = StoreLayout.in(parent);
        this.loader = new KeyLoader(layout, provider);
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
            StoreDirectory.requireSafe(parent, StoreLayout.in(parent).directory());
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's directory could not be looked at", e);
        }
    }

    /** Opens the store in {@code parent/memguard_secure}. */
    public static SecretStore open(Path parent, OpenMode mode, KeyProvider provider) {
        var opener = new StoreOpener(parent.toAbsolutePath().normalize(), provider);
        try {
            return opener.open(mode);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store could not be opened", e);
        }
    }

    private SecretStore open(OpenMode mode) throws IOException {
        if (Files.exists(layout.directory(), LinkOption.NOFOLLOW_LINKS)) {
            StoreDirectory.requireSafe(parent, layout.directory());
            Optional<Metadata> metadata = loader.metadata();
            if (metadata.isPresent()) {
                if (mode == OpenMode.CREATE) {
                    throw new MemGuardException(
                            ErrorCode.INVALID_ARGUMENTS, "there is a store in " + parent + " already");
                }
                return openExisting(metadata.get());
            }
            requireNoData();
        }
        if (mode == OpenMode.EXISTING) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "there is no store in " + parent + "; make one with 'memguard init'");
        }
        return create(mode);
    }

    /** A store that was just made. */
    private record Made(Metadata metadata, StoreKey key) {}

    private SecretStore create(OpenMode mode) throws IOException {
        Optional<Made> made;
        try {
            StoreDirectory.create(parent, layout.directory());
            try (var locks = new StoreLocks(layout.lock())) {
                // Two at once: the second one finds the first one's store.
                made = locks.lockedWhole(() -> {
                    if (loader.metadata().isPresent()) {
                        return Optional.<Made>empty();
                    }
                    requireNoData();
                    return Optional.of(make());
                });
            }
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.STORE_FAILED, "the store could not be made in " + parent, e);
        }
        if (made.isPresent()) {
            var store = openMade(made.get());
            countFromTheBeginning(store);
            return store;
        }
        return open(mode);
    }

    /** A wish, too: whoever asks for the totals counts then. */
    private static void countFromTheBeginning(SecretStore store) {
        try {
            store.totals();
        } catch (MemGuardException e) {
            LOG.log(System.Logger.Level.DEBUG, "a new store could not be counted: {0}", e.getMessage());
        }
    }

    private Made make() throws IOException {
        NativeLibraries.require();
        String storeId = HexFormat.of().formatHex(Sodium.random(16));
        var context = new StoreContext(storeId, layout.directory());
        var provider = loader.provider();
        var made = provider.create(context);
        try {
            var seal = new FileSeal(made.key(), storeId);
            var metadata = Metadata.of(storeId, made.record(), Checks.ofKey(seal));
            return new Made(Checks.write(seal, metadata, layout), made.key());
        } catch (Throwable failure) {
            made.key().close();
            provider.erase(context, made.record());
            throw failure;
        }
    }

    private SecretStore openExisting(Metadata metadata) throws IOException {
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
            var locks = new StoreLocks(layout.lock());
            try {
                var totals = StoreTotals.open(layout.totals(), locks);
                var store = new SecretStore(layout, loader, keys, locks, generations, totals);
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
    private static void forgetOld(SecretStore store) throws IOException {
        try {
            store.rotation().forgetOld();
        } catch (MemGuardException e) {
            LOG.log(
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
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID, "the store was removed while it was being opened; open it again");
        }
    }

    /** A temporary file whose lock is free was left by a writer that is dead. */
    private void clearTemporaries(StoreLocks locks) throws IOException {
        for (String file : StoreDirectory.list(layout.directory(), StoreLayout::isTemporary)) {
            locks.ifFree(
                    StoreLayout.stripeOfTemporary(file),
                    () -> Files.deleteIfExists(layout.directory().resolve(file)));
        }
    }

    private void requireNoData() throws IOException {
        int files = StoreDirectory.list(
                        layout.directory(), name -> StoreLayout.hex(name).isPresent())
                .size();
        if (files > 0) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the metadata file is missing beside " + files + " files of data in " + layout.directory()
                            + "; restore store.meta from a backup of this store (no new key is made over data)");
        }
    }
}
