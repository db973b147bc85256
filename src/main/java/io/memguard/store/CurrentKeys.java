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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The keys of an open store as they are now: read again whenever any process has changed them. Whoever works with them
 * holds a lease: keys that were replaced are wiped when the last lease on them ends. Thread-safe.
 */
final class CurrentKeys implements AutoCloseable {
    private final KeyLoader loader;
    private final Generations generations;
    private final ReentrantLock loading = new ReentrantLock();
    private final List<Leased> replaced = new ArrayList<>();
    private volatile Leased now;
    private volatile boolean closed;

    CurrentKeys(KeyLoader loader, Generations generations, Keyring keys) {
        this.loader = loader;
        this.generations = generations;
        this.now = new Leased(keys);
    }

    /** Keys, and how many are at work with them. */
    private static final class Leased {
        final Keyring keys;
        final AtomicInteger users = new AtomicInteger();

        Leased(Keyring keys) {
            this.keys = keys;
        }
    }

    /** The right to work with keys, until it is closed; they stay open so long, whatever takes their place. */
    final class Lease implements AutoCloseable {
        private final Leased leased;

        private Lease(Leased leased) {
            this.leased = leased;
        }

        Keyring keys() {
            return leased.keys;
        }

        @Override
        public void close() {
            release(leased);
        }
    }

    /**
     * The keys as they were last seen.
     *
     * @throws IllegalStateException where the store is closed
     */
    Lease known() {
        while (true) {
            Leased leased = now;
            leased.users.incrementAndGet();
            // Whoever replaces them looks at the users after that; whoever is one looks again here.
            if (leased == now && !closed) {
                return new Lease(leased);
            }
            release(leased);
            requireOpen();
        }
    }

    /**
     * The keys as they are now.
     *
     * @throws MemGuardException KEY_INVALID where the store was removed, or has a key that can't be opened here
     * @throws IllegalStateException where the store is closed
     */
    Lease get() throws MemGuardException {
        update();
        return known();
    }

    /** Reads the keys again where any process has changed them; errors as by {@link #get}. */
    void update() throws MemGuardException {
        Keyring seen = now.keys;
        if (generations.ofStore() != seen.epoch()) {
            load(seen);
        }
    }

    /** Whether it has other keys than these now; they are read then. Errors as by {@link #get}. */
    boolean isPast(Keyring used) throws MemGuardException {
        update();
        return now.keys.epoch() != used.epoch();
    }

    /** What guards a store with these keys. */
    RollbackGuard guard(Keyring used) {
        return loader.guards().of(used.metadata());
    }

    /** Whether the user named a place of records; the store may still keep none. */
    boolean isGuarded() {
        return loader.guards().areGiven();
    }

    /** What the metadata said when it was last seen. */
    Metadata metadata() {
        return now.keys.metadata();
    }

    /** To be called under the lock of what is written. */
    void requireStill(long epoch) {
        if (generations.ofStore() != epoch) {
            throw new KeyChangedException();
        }
    }

    KeyLoader loader() {
        return loader;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this MemGuard is closed");
        }
    }

    private void load(Keyring seen) {
        loading.lock();
        try {
            requireOpen();
            if (now.keys.epoch() == seen.epoch()) {
                replace(load(seen, generations.ofStore(), seen));
            }
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

    private void replace(Keyring keys) {
        synchronized (replaced) {
            replaced.add(now);
            now = new Leased(keys);
        }
        closeUnused();
    }

    private void release(Leased leased) {
        if (leased.users.decrementAndGet() == 0 && (leased != now || closed)) {
            closeUnused();
        }
    }

    /** A key may be in several keyrings; it is closed when nobody has any of them. */
    private void closeUnused() {
        synchronized (replaced) {
            var unused =
                    replaced.stream().filter(leased -> leased.users.get() == 0).toList();
            replaced.removeAll(unused);
            var used = Stream.concat(replaced.stream(), closed ? Stream.empty() : Stream.of(now))
                    .flatMap(leased -> leased.keys.keys().stream())
                    .toList();
            unused.stream()
                    .flatMap(leased -> leased.keys.keys().stream())
                    .filter(key -> !used.contains(key))
                    .forEach(StoreKey::close);
        }
    }

    /** Puts in place what this process has changed itself. */
    void set(Keyring keys) {
        loading.lock();
        try {
            replace(keys);
        } finally {
            loading.unlock();
        }
    }

    /** Opens other handles on the same keys. */
    void reopen() {
        loading.lock();
        try {
            requireOpen();
            replace(load(now.keys, generations.ofStore(), null));
        } catch (IOException e) {
            throw StoreErrors.failed(ErrorCode.KEY_INVALID, "the store's metadata can't be read", e);
        } finally {
            loading.unlock();
        }
    }

    /** Removes what providers keep of the keys outside of the metadata. */
    void erase() {
        Metadata metadata = metadata();
        KeyProvider provider = loader.provider();
        for (KeyRecord record : metadata.records()) {
            if (!provider.opens(record.provider())) {
                throw new MemGuardException(
                        ErrorCode.CLEANUP_FAILED,
                        "the key with the provider '" + record.provider() + "' could not be removed; remove it there");
            }
            provider.erase(loader.context(metadata), record);
        }
    }

    /** No lease is given any more; what a running one holds is wiped when that ends. Idempotent. */
    @Override
    public void close() {
        loading.lock();
        try {
            if (!closed) {
                closed = true;
                synchronized (replaced) {
                    replaced.add(now);
                }
                closeUnused();
            }
        } finally {
            loading.unlock();
        }
    }
}
