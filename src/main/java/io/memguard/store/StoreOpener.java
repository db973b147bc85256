package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.Sodium;
import io.memguard.os.DurableFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;

/** Opens or makes a store. A failed opening changes nothing on disk; a key is made only where there is no data. */
public final class StoreOpener {
    private static final byte[] NOWHERE = new byte[32];
    private static final byte[] CHECK = "memguard-key-chk".getBytes(StandardCharsets.US_ASCII);

    private final Path parent;
    private final StoreLayout layout;
    private final KeyProvider provider;

    private StoreOpener(Path parent, KeyProvider provider) {
        this.parent = parent;
        this.layout = StoreLayout.in(parent);
        this.provider = provider;
    }

    /** What the metadata in a directory says; nothing where there is none. */
    public static Optional<StoreInfo> describe(Path parent) {
        try {
            return readMetadata(StoreLayout.in(parent)).map(StoreOpener::info);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.RETRIEVE_FAILED, "the store's metadata could not be read", e);
        }
    }

    /** Opens the key of a store that is open already, once the native libraries are back. */
    public static StoreKey reopenKey(SecretStore store, KeyProvider provider) {
        var info = store.info();
        return provider.open(new StoreContext(info.storeId(), store.directory()), info.keys());
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
            Optional<Metadata> metadata = readMetadata(layout);
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
                    if (readMetadata(layout).isPresent()) {
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
            var store = assemble(made.get().metadata(), made.get().key());
            store.totals(); // Counts from the beginning.
            return store;
        }
        return open(mode);
    }

    private Made make() throws IOException {
        NativeLibraries.require();
        String storeId = HexFormat.of().formatHex(Sodium.random(16));
        var context = new StoreContext(storeId, layout.directory());
        var made = provider.create(context);
        try {
            var seal = new FileSeal(made.key(), storeId);
            byte[] check = seal.seal(FileSeal.Purpose.KEY_CHECK, NOWHERE, CHECK);
            var open = Metadata.of(storeId, made.record(), check);
            byte[] sealed = seal.seal(FileSeal.Purpose.METADATA, SecretName.sha256(open.sealedPart()), CHECK);
            var metadata = open.withSeal(sealed);
            DurableFile.replace(layout.metadata(), metadata.toBytes(), StoreLayout.temporaryPrefix(0), () -> {});
            return new Made(metadata, made.key());
        } catch (Throwable failure) {
            made.key().close();
            provider.erase(context, made.record());
            throw failure;
        }
    }

    private SecretStore openExisting(Metadata metadata) throws IOException {
        if (!provider.opens(metadata.keys().provider())) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "this store's key is with the provider '" + metadata.keys().provider() + "', not '"
                            + provider.type() + "'; open it with its own provider");
        }
        StoreKey key = NativeLibraries.isLoaded()
                ? provider.open(context(metadata), metadata.keys())
                : provider.openEmergency(context(metadata), metadata.keys());
        return assemble(metadata, key);
    }

    /** Takes the key over: it is closed with the store, or here where something fails. */
    private SecretStore assemble(Metadata metadata, StoreKey key) throws IOException {
        try {
            var seal = new FileSeal(key, metadata.storeId());
            verify(seal, metadata);
            var generations = Generations.open(layout.generations());
            var locks = new StoreLocks(layout.lock());
            try {
                var totals = StoreTotals.open(layout.totals(), locks);
                var store = new SecretStore(
                        layout,
                        key,
                        seal,
                        locks,
                        generations,
                        totals,
                        info(metadata),
                        () -> provider.erase(context(metadata), metadata.keys()));
                requireStill(metadata);
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
            key.close();
            throw failure;
        }
    }

    private StoreContext context(Metadata metadata) {
        return new StoreContext(metadata.storeId(), layout.directory());
    }

    private static void verify(FileSeal seal, Metadata metadata) {
        if (!seal.open(FileSeal.Purpose.KEY_CHECK, NOWHERE, metadata.keyCheckBytes(), check -> true)
                .authentic()) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the key is not the one of this store; open it with the key (container, token) that made it");
        }
        byte[] covered = SecretName.sha256(metadata.sealedPart());
        if (!seal.open(FileSeal.Purpose.METADATA, covered, metadata.sealBytes(), text -> true)
                .authentic()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the metadata file was changed by somebody without the key; restore it from a backup of this store");
        }
    }

    /** Somebody may have removed the store while its key was opened; the epoch is read already. */
    private void requireStill(Metadata metadata) throws IOException {
        boolean same = readMetadata(layout)
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

    private static Optional<Metadata> readMetadata(StoreLayout layout) throws IOException {
        return SmallFile.read(layout.metadata(), Metadata.MAX_SIZE).map(Metadata::parse);
    }

    private static StoreInfo info(Metadata metadata) {
        return new StoreInfo(Metadata.FORMAT, metadata.storeId(), metadata.keys());
    }
}
