package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import io.memguard.memory.NativeLibraries;
import io.memguard.store.keyring.Keyring.OpenKey;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** Opens the keys that the metadata names. Owns the store's provider, whose calls it keeps apart. Thread-safe. */
public final class KeyLoader implements AutoCloseable {
    private final MetadataStore metadata;
    private final ReentrantLock calls = new ReentrantLock();
    private volatile KeyProvider provider;

    public KeyLoader(MetadataStore metadata, KeyProvider provider) {
        this.metadata = metadata;
        this.provider = provider;
    }

    public MetadataStore metadata() {
        return metadata;
    }

    /** Whether this is the provider of the store. */
    @SuppressWarnings("ReferenceEquality") // A provider may be equal to one with another passphrase.
    public boolean uses(KeyProvider other) {
        return provider == other;
    }

    KeyProvider provider() {
        return provider;
    }

    /** From now on another one has the key; the caller closes the one before. */
    void use(KeyProvider other) {
        provider = other;
    }

    /** Runs a call of a provider while no other one runs. */
    <T extends @Nullable Object> T call(KeyProvider to, Function<KeyProvider, T> call) {
        calls.lock();
        try {
            return call.apply(to);
        } finally {
            calls.unlock();
        }
    }

    public StoreContext context(String storeId) {
        return metadata.context(storeId);
    }

    /** Makes the key of a new store. */
    public io.memguard.keys.CreatedKey create(StoreContext store) {
        return call(provider, to -> to.create(store));
    }

    /** Destroys a key of a store that could not be made. */
    public void erase(StoreContext store, KeyDescriptor record) {
        call(provider, to -> {
            to.erase(store, record);
            return true;
        });
    }

    /**
     * The keys that the metadata names. While one is opened, which takes its time, another process may switch the store to
     * another key and destroy the first: then those that are named by now.
     *
     * @param known whose keys are used again where they are still the store's; null at the first opening
     */
    public Keyring load(Metadata read, @Nullable Keyring known) throws IOException {
        Metadata tried = metadata.newest(read);
        while (true) {
            try {
                return loadOnce(tried, known);
            } catch (MemGuardException e) {
                Optional<Metadata> now = metadata.read();
                if (now.isEmpty()
                        || !now.get().storeId().equals(tried.storeId()) // Is not this store: the error says more.
                        || now.get().keyEpoch() == tried.keyEpoch()) {
                    throw explained(e, tried, known);
                }
                tried = metadata.newest(now.get());
            }
        }
    }

    /** What the caller has to know of a key change to make sense of a key that does not open. */
    private static MemGuardException explained(MemGuardException e, Metadata tried, @Nullable Keyring known) {
        if (e.code() != ErrorCode.KEY_INVALID) {
            return e;
        }
        String more = "";
        if (tried.next().isPresent()) {
            more = "; the store is switching to "
                    + KeyNames.of(tried.next().get().key().record())
                    + (tried.next().get().abandoned() ? ", which is being given up" : "") + ": until that is done, "
                    + KeyNames.of(tried.keyRecord())
                    + " opens it, with what unlocked it before (finish: memguard rekey; give up: memguard rekey --abort)";
        } else if (known != null && !known.metadata().keyRecord().equals(tried.keyRecord())) {
            more = "; the store's key was changed since it was opened here, to " + KeyNames.of(tried.keyRecord())
                    + ": open it again with that key";
        }
        return more.isEmpty() ? e : new MemGuardException(ErrorCode.KEY_INVALID, e.getMessage() + more, e);
    }

    /** The keys that this metadata names, whatever the store has by now. */
    public Keyring loadOnce(Metadata named, @Nullable Keyring known) {
        OpenKey current = known(named.key(), known);
        boolean fresh = current == null;
        if (current == null) {
            current = new OpenKey(open(provider, named, named.keyRecord()), true);
        }
        try {
            KeyCheck.verify(new EntryCipher(current.key(), named.storeId()), named);
            OpenKey next = named.next().isPresent() ? next(named, named.next().get(), current.key(), known) : null;
            return new Keyring(named, current, next);
        } catch (Throwable failure) {
            if (fresh) {
                current.key().close();
            }
            throw failure;
        }
    }

    private static @Nullable OpenKey known(OwnedKey named, @Nullable Keyring known) {
        if (known == null) {
            return null;
        }
        if (known.metadata().key().equals(named)) {
            return known.current();
        }
        boolean wasNext = known.metadata().next().map(Metadata.Next::key).equals(Optional.of(named));
        return wasNext ? known.next() : null;
    }

    private @Nullable OpenKey next(Metadata named, Metadata.Next next, StoreKey current, @Nullable Keyring known) {
        OpenKey kept = known(next.key(), known);
        if (kept != null) {
            return kept;
        }
        if (next.wrappedKey().length > 0) {
            return new OpenKey(checked(named, next, unseal(named, next, current)), false);
        }
        try {
            return new OpenKey(
                    checked(named, next, open(provider, named, next.key().record())), true);
        } catch (MemGuardException e) {
            if (e.code() != ErrorCode.KEY_INVALID) {
                throw e;
            }
            return null; // In a token that this process can't use: what is under the current key opens all the same.
        }
    }

    /** Opens the next key by a provider alone; nothing where that provider does not have it. */
    Optional<StoreKey> openNext(KeyProvider by, Metadata named) {
        if (!by.opens(named.next().orElseThrow().key().record().provider())) {
            return Optional.empty();
        }
        try {
            return Optional.of(requireNext(by, named));
        } catch (MemGuardException e) {
            if (e.code() != ErrorCode.KEY_INVALID) {
                throw e;
            }
            return Optional.empty();
        }
    }

    /** The same, or the provider's error. */
    StoreKey requireNext(KeyProvider by, Metadata named) {
        Metadata.Next next = named.next().orElseThrow();
        // A rotation goes on only where the present key is.
        StoreContext context = context(named.storeId());
        return checked(
                named,
                next,
                open(
                        by,
                        uses(by) ? context.after(named.keyRecord()) : context,
                        next.key().record()));
    }

    /** Whether a provider opens the current key by itself. */
    boolean opensCurrent(KeyProvider by, Metadata named) {
        try (var key = open(by, named, named.keyRecord())) {
            return KeyCheck.matches(new EntryCipher(key, named.storeId()), named.keyCheck());
        } catch (MemGuardException e) {
            if (e.code() != ErrorCode.KEY_INVALID) {
                throw e;
            }
            return false;
        }
    }

    private static StoreKey checked(Metadata named, Metadata.Next next, StoreKey opened) {
        if (!KeyCheck.matches(new EntryCipher(opened, named.storeId()), next.keyCheck())) {
            opened.close();
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the key that this store is switching to is not the one that was made for it; restore it");
        }
        return opened;
    }

    /** With the current key the next one can be had: running services need not be told the new passphrase at once. */
    private static StoreKey unseal(Metadata named, Metadata.Next next, StoreKey current) {
        var cipher = new EntryCipher(current, named.storeId());
        byte[] context = Sha256.of(next.keyCheck());
        var opened = cipher.<StoreKey, RuntimeException>open(
                EntryCipher.Purpose.NEXT_KEY, context, next.wrappedKey(), KeyLoader::rawKey);
        StoreKey key = opened.result();
        if (key == null || next.wrappedKey().length != WrappedKey.SIZE) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR, "the metadata file was changed; restore it from a backup of this store");
        }
        return key;
    }

    private static StoreKey rawKey(java.lang.foreign.MemorySegment raw) {
        if (NativeLibraries.isLoaded()) {
            try (var key = SecretBuffer.copyOf(raw)) {
                return StoreKey.aes256Gcm(key);
            }
        }
        byte[] onHeap = raw.toArray(ValueLayout.JAVA_BYTE); // The degraded state, which the caller has chosen.
        try {
            return StoreKey.jca(new SecretKeySpec(onHeap, "AES"), null);
        } finally {
            Arrays.fill(onHeap, (byte) 0);
        }
    }

    private StoreKey open(KeyProvider by, Metadata named, KeyDescriptor record) {
        return open(by, context(named.storeId()), record);
    }

    private StoreKey open(KeyProvider by, StoreContext context, KeyDescriptor record) {
        if (!by.opens(record.provider())) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "this store opens with " + KeyNames.of(record) + ", not with the provider '" + by.type()
                            + "'; name that provider (--keys, MEMGUARD_KEYS, keys(...))");
        }
        return call(by, to -> NativeLibraries.isLoaded() ? to.open(context, record) : to.openOnHeap(context, record));
    }

    /** Closes the provider. */
    @Override
    public void close() {
        provider.close();
    }
}
