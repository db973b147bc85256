package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import io.memguard.memory.NativeLibraries;
import io.memguard.os.SmallFile;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Opens the keys that the metadata names, and checks the metadata by them. Changes nothing. */
final class KeyLoader {
    private final StoreLayout layout;
    private final RollbackGuards guards;
    private volatile KeyProvider provider;

    KeyLoader(StoreLayout layout, KeyProvider provider, RollbackGuards guards) {
        this.layout = layout;
        this.guards = guards;
        this.provider = provider;
    }

    KeyProvider provider() {
        return provider;
    }

    /** From now on another has the key; the caller closes the one before. */
    void use(KeyProvider other) {
        provider = other;
    }

    RollbackGuards guards() {
        return guards;
    }

    StoreContext context(Metadata metadata) {
        return context(metadata.storeId());
    }

    StoreContext context(String storeId) {
        return new StoreContext(storeId, layout.name(), layout.directory(), false);
    }

    Optional<Metadata> metadata() throws IOException {
        return SmallFile.read(layout.metadata(), Metadata.MAX_SIZE).map(Metadata::parse);
    }

    /**
     * The keys that the metadata name. While one is opened, which takes its time, the store may go over to another one and
     * the first be removed: then those that are named by now.
     *
     * @param known whose keys are used again where they are still the store's; null at the first opening
     */
    Keyring load(Metadata metadata, long epoch, @Nullable Keyring known) throws IOException {
        Metadata tried = guards.newest(metadata, this);
        while (true) {
            try {
                return loadOnce(tried, epoch, known);
            } catch (MemGuardException e) {
                Optional<Metadata> now = metadata();
                if (now.isEmpty() || isSame(now.get(), tried)) {
                    throw e;
                }
                tried = guards.newest(now.get(), this);
            }
        }
    }

    /** Another store is none of ours: the error that there was says more. */
    private static boolean isSame(Metadata now, Metadata tried) {
        return !now.storeId().equals(tried.storeId())
                || (now.keys().equals(tried.keys())
                        && now.next()
                                .map(Metadata.Next::keys)
                                .equals(tried.next().map(Metadata.Next::keys)));
    }

    /** The keys that these metadata name, whatever the store has by now. */
    Keyring loadOnce(Metadata metadata, long epoch, @Nullable Keyring known) {
        StoreKey current = known(metadata.keys(), known);
        boolean fresh = current == null;
        if (current == null) {
            current = open(metadata, metadata.keys());
        }
        StoreKey next = null;
        try {
            Checks.verify(new FileSeal(current, metadata.storeId()), metadata);
            if (metadata.next().isPresent()) {
                next = next(metadata, metadata.next().get(), current, known);
            }
            return new Keyring(metadata, epoch, current, next);
        } catch (Throwable failure) {
            if (fresh) {
                current.close();
            }
            throw failure;
        }
    }

    private static @Nullable StoreKey known(KeyRecord record, @Nullable Keyring known) {
        if (known == null) {
            return null;
        }
        boolean wasNext = known.metadata().next().map(Metadata.Next::keys).equals(Optional.of(record));
        return wasNext ? known.next() : known.metadata().keys().equals(record) ? known.current() : null;
    }

    private StoreKey next(Metadata metadata, Metadata.Next next, StoreKey current, @Nullable Keyring known) {
        StoreKey kept = known(next.keys(), known);
        if (kept != null) {
            return kept;
        }
        StoreKey opened = next.sealedKey().length > 0 ? unseal(metadata, next, current) : open(metadata, next.keys());
        var check = new FileSeal(opened, metadata.storeId());
        if (!Checks.isKey(check, next.keyCheck())) {
            opened.close();
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the key that this store goes over to is not the one that was made for it; restore it");
        }
        return opened;
    }

    /** Whoever has the old key may go on with the new one: services need not be told the new passphrase at once. */
    private static StoreKey unseal(Metadata metadata, Metadata.Next next, StoreKey current) {
        var seal = new FileSeal(current, metadata.storeId());
        byte[] place = SecretName.sha256(next.keyCheck());
        var opened = seal.<StoreKey, RuntimeException>open(FileSeal.Purpose.NEXT_KEY, place, next.sealedKey(), raw -> {
            try (var key = SecretBuffer.copyOf(raw)) {
                return StoreKey.aes256Gcm(key);
            }
        });
        StoreKey key = opened.result();
        if (key == null || next.sealedKey().length != WrappedKey.SIZE) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR, "the metadata file was changed; restore it from a backup of this store");
        }
        return key;
    }

    private StoreKey open(Metadata metadata, KeyRecord record) {
        if (!provider.opens(record.provider())) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "this store's key is with the provider '" + record.provider() + "', not '" + provider.type()
                            + "'; open it with its own provider");
        }
        return NativeLibraries.isLoaded()
                ? provider.open(context(metadata), record)
                : provider.openEmergency(context(metadata), record);
    }
}
