package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.StoreKey;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The keys of an open store as they are now: read again whenever any process has changed them. Thread-safe. */
final class CurrentKeys implements AutoCloseable {
    private final KeyLoader loader;
    private final Generations generations;
    private final ReentrantLock loading = new ReentrantLock();
    private final List<StoreKey> retired = new ArrayList<>();
    private volatile Keyring keys;
    private boolean closed;

    CurrentKeys(KeyLoader loader, Generations generations, Keyring keys) {
        this.loader = loader;
        this.generations = generations;
        this.keys = keys;
    }

    /** As they were last seen. */
    Keyring known() {
        return keys;
    }

    /**
     * As they are now.
     *
     * @throws MemGuardException KEY_INVALID where the store was removed, or has a key that can't be opened here
     */
    Keyring get() throws MemGuardException {
        Keyring seen = keys;
        return generations.ofStore() == seen.epoch() ? seen : load(seen);
    }

    /** To be called under the lock of what is written. */
    void requireStill(Keyring used) {
        if (generations.ofStore() != used.epoch()) {
            throw new KeyChangedException();
        }
    }

    KeyLoader loader() {
        return loader;
    }

    private Keyring load(Keyring seen) {
        loading.lock();
        try {
            if (closed) {
                throw new IllegalStateException("this MemGuard is closed");
            }
            Keyring now = keys;
            if (now.epoch() == seen.epoch()) {
                now = load(seen, generations.ofStore(), seen);
                replace(now);
            }
            return now;
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.KEY_INVALID, "the store's metadata can't be read", e);
        } finally {
            loading.unlock();
        }
    }

    private Keyring load(Keyring seen, long epoch, @Nullable Keyring reuse) throws IOException {
        Optional<Metadata> metadata = loader.metadata()
                .filter(now -> now.storeId().equals(seen.metadata().storeId()));
        if (metadata.isEmpty()) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID, "this store was removed (cleanupAll) since it was opened; open it again");
        }
        return loader.load(metadata.get(), epoch, reuse);
    }

    /** Keys that are used no more stay open until the next change: somebody may be in the midst of a read with them. */
    private void replace(Keyring now) {
        retired.forEach(StoreKey::close);
        retired.clear();
        keys.keys().stream().filter(key -> !now.keys().contains(key)).forEach(retired::add);
        keys = now;
    }

    /** Puts in place what this process has changed itself. */
    void set(Keyring now) {
        loading.lock();
        try {
            replace(now);
        } finally {
            loading.unlock();
        }
    }

    /** Opens other handles on the same keys, and closes those before. */
    void reopen() {
        loading.lock();
        try {
            var before = keys;
            keys = load(before, generations.ofStore(), null);
            before.keys().forEach(StoreKey::close);
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.KEY_INVALID, "the store's metadata can't be read", e);
        } finally {
            loading.unlock();
        }
    }

    /** Removes what providers keep of the keys outside of the metadata. */
    void erase() {
        Metadata metadata = keys.metadata();
        var records = new ArrayList<KeyRecord>(List.of(metadata.keys()));
        metadata.next().map(Metadata.Next::keys).ifPresent(records::add);
        metadata.old().ifPresent(records::add);
        KeyProvider provider = loader.provider();
        for (KeyRecord record : records) {
            if (!provider.opens(record.provider())) {
                throw new MemGuardException(
                        ErrorCode.CLEANUP_FAILED,
                        "the key with the provider '" + record.provider() + "' could not be removed; remove it there");
            }
            provider.erase(loader.context(metadata), record);
        }
    }

    @Override
    public void close() {
        loading.lock();
        try {
            closed = true;
            retired.forEach(StoreKey::close);
            keys.keys().forEach(StoreKey::close);
        } finally {
            loading.unlock();
        }
    }
}
