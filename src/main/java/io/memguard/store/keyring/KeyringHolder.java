package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
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
 * The keys of an open store as they are now: read again whenever any process has changed them. Work with them holds a lease:
 * keys that were replaced are wiped when the last lease on them ends. Thread-safe.
 */
public final class KeyringHolder implements AutoCloseable {
    private final KeyLoader loader;
    private final MetadataStore metadata;
    private final ReentrantLock loading = new ReentrantLock();
    private final List<Leased> replaced = new ArrayList<>();
    private volatile Leased now;
    private volatile boolean closed;

    public KeyringHolder(KeyLoader loader, Keyring keys) {
        this.loader = loader;
        this.metadata = loader.metadata();
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

    /** The right to work with keys, until it is closed; they stay open that long, whatever replaces them. */
    public final class Lease implements AutoCloseable {
        private final Leased leased;

        private Lease(Leased leased) {
            this.leased = leased;
        }

        public Keyring keys() {
            return leased.keys;
        }

        @Override
        public void close() {
            release(leased);
        }
    }

    /** Work with the keys of a store. */
    @FunctionalInterface
    public interface Work<T extends @Nullable Object> {
        /** May be run again with newer keys, until it neither throws KeyChangedException nor fails by an older key. */
        T with(Keyring keys) throws IOException;
    }

    /**
     * Runs work with the keys as they were last seen, and again where they have changed since: where the work notices it
     * ({@link #requireStill}, {@link #requireNewest}), or where a key could not be used since it is gone by now.
     */
    public <T extends @Nullable Object> T with(Work<T> work) throws IOException {
        while (true) {
            try (var lease = lastSeen()) {
                try {
                    return work.with(lease.keys());
                } catch (MemGuardException e) {
                    if (e.code() != ErrorCode.KEY_INVALID || !isOutdated(lease.keys())) {
                        throw e;
                    }
                } catch (KeyChangedException e) {
                    update();
                }
            }
        }
    }

    /**
     * The keys as they were last seen.
     *
     * @throws IllegalStateException where the store is closed
     */
    public Lease lastSeen() {
        while (true) {
            Leased leased = now;
            var lease = new Lease(leased); // First: what is counted must be given back.
            leased.users.incrementAndGet();
            // Replacing them looks at the users after that; a user looks again here.
            if (leased == now && !closed) {
                return lease;
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
    public Lease current() throws IOException {
        update();
        return lastSeen();
    }

    /** Reads the keys again where any process has changed them; errors as by {@link #current}. */
    public void update() throws IOException {
        if (metadata.keyEpoch() != now.keys.keyEpoch()) {
            try (var lease = lastSeen()) {
                reload(lease.keys());
            }
        }
    }

    /**
     * For what needs no key: a store that was removed is empty, and says so.
     *
     * @throws MemGuardException KEY_INVALID where another store is in this place by now
     */
    public void requireNoOther() throws IOException {
        if (metadata.keyEpoch() != now.keys.keyEpoch()) {
            String own = now.keys.metadata().storeId();
            if (metadata.read().filter(there -> !there.storeId().equals(own)).isPresent()) {
                throw MetadataStore.removed();
            }
        }
    }

    /** Whether there are other keys than these now; they are read then. Errors as by {@link #current}. */
    private boolean isOutdated(Keyring used) throws IOException {
        update();
        return now.keys.keyEpoch() != used.keyEpoch();
    }

    /**
     * The check for work that holds no lock.
     *
     * @throws KeyChangedException where there are other keys than these now
     */
    public void requireNewest(Keyring used) throws IOException {
        if (isOutdated(used)) {
            throw new KeyChangedException();
        }
    }

    /**
     * The check under a lock of the store, by which no process can change the keys.
     *
     * @throws KeyChangedException where the store has other keys than those of this epoch
     */
    public void requireStill(long keyEpoch) throws IOException {
        if (metadata.keyEpoch() == keyEpoch) {
            return;
        }
        Metadata there = metadata.read().orElseThrow(MetadataStore::removed);
        metadata.correctKeyEpoch(there); // The process that was changing it is dead, or the counters are not its own.
        if (there.keyEpoch() != keyEpoch) {
            throw new KeyChangedException();
        }
    }

    /** What the metadata said when it was last seen. */
    public Metadata metadata() {
        return now.keys.metadata();
    }

    public KeyLoader loader() {
        return loader;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this MemGuard is closed");
        }
    }

    private void reload(Keyring seen) throws IOException {
        loading.lock();
        try {
            requireOpen();
            if (now.keys.keyEpoch() == seen.keyEpoch()) {
                Metadata there = present(seen);
                if (there.keyEpoch() != seen.keyEpoch()) {
                    replace(loader.load(there, seen));
                }
            }
        } finally {
            loading.unlock();
        }
    }

    private static MemGuardException unreadable(IOException e) {
        return new MemGuardException(
                ErrorCode.RETRIEVE_FAILED,
                "the store's metadata could not be read: " + e.getMessage() + "; nothing is lost, try again",
                e);
    }

    private Metadata present(Keyring seen) throws IOException {
        Optional<Metadata> there = metadata.read()
                .filter(read -> read.storeId().equals(seen.metadata().storeId()) && !read.removing());
        return there.orElseThrow(MetadataStore::removed);
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

    /** A key may be in several keyrings; it is closed with the last of them. */
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
                    .distinct()
                    .filter(key -> !used.contains(key))
                    .forEach(StoreKey::close);
        }
    }

    /** Puts in place what this process has changed itself. */
    public void set(Keyring keys) {
        loading.lock();
        try {
            replace(keys);
        } finally {
            loading.unlock();
        }
    }

    /** Opens other handles on the same keys. */
    public void reopen() {
        loading.lock();
        try {
            requireOpen();
            replace(loader.load(present(now.keys), null));
        } catch (IOException e) {
            throw unreadable(e);
        } finally {
            loading.unlock();
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
