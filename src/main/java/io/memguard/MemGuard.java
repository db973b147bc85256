package io.memguard;

import io.memguard.keys.KeyProvider;
import io.memguard.memory.GuardedMemory;
import io.memguard.memory.LockedMemory;
import io.memguard.memory.SealedCache;
import io.memguard.store.SecretName;
import io.memguard.store.SecretStore;
import io.memguard.store.StoreOpener;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A store of secrets: encrypted on disk, sealed in memory, in plaintext only while it is lent.
 *
 * <p>Thread-safe; any number of instances and processes may share a directory. A value that was stored survives a crash
 * or a power cut. A borrow that is under way when its secret is overwritten or deleted, or when this is closed, keeps its
 * value to its end.
 *
 * <p>Names are 1 to 1,024 bytes of UTF-8. Values are 0 bytes to 1 GiB, as far as memory can be locked for them.
 */
public final class MemGuard implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(MemGuard.class.getName());

    private final SecretStore store;
    private final KeyProvider provider;
    private final SealedCache cache;
    private final ConcurrentHashMap<String, Secret> secrets = new ConcurrentHashMap<>();
    private volatile boolean closed;

    private MemGuard(SecretStore store, KeyProvider provider, SealedCache cache) {
        this.store = store;
        this.provider = provider;
        this.cache = cache;
    }

    /** Begins to open the store in {@code directory/memguard_secure}. */
    public static Builder at(Path directory) {
        return new Builder(directory);
    }

    /** What a store says about itself without a key; nothing where there is none. */
    public static Optional<StoreDescription> describe(Path directory) {
        return StoreOpener.describe(directory).map(StoreDescription::of);
    }

    /** How to open a store; not thread-safe. */
    public static final class Builder {
        private final Path directory;
        private @Nullable KeyProvider provider;
        private OpenMode mode = OpenMode.OPEN_OR_CREATE;
        private MemoryPolicy policy = MemoryPolicy.REQUIRE_LOCKED;

        private Builder(Path directory) {
            this.directory = Objects.requireNonNull(directory);
        }

        /** Who has the key; required. The provider is closed together with the store. */
        public Builder keys(KeyProvider keyProvider) {
            this.provider = Objects.requireNonNull(keyProvider);
            return this;
        }

        /** Whether a store may be made; {@link OpenMode#OPEN_OR_CREATE} unless said otherwise. */
        public Builder mode(OpenMode openMode) {
            this.mode = Objects.requireNonNull(openMode);
            return this;
        }

        /** What to do where memory can't be locked; {@link MemoryPolicy#REQUIRE_LOCKED} unless said otherwise. */
        public Builder policy(MemoryPolicy memoryPolicy) {
            this.policy = Objects.requireNonNull(memoryPolicy);
            return this;
        }

        /**
         * Opens the store. Where it fails, nothing on disk has changed and the provider is closed.
         *
         * @throws MemGuardException {@link ErrorCode#KEY_INVALID} where the key is missing, wrong or replaced;
         *     {@link ErrorCode#SECURITY_ERROR} where the directory is open to others, memory can't be locked, or the
         *     native libraries can't be loaded; {@link ErrorCode#INVALID_ARGUMENTS} where the mode does not fit
         */
        public MemGuard open() {
            KeyProvider keys = provider;
            if (keys == null) {
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "call keys(...) before open()");
            }
            SealedCache cache = null;
            try {
                LockedMemory.accept(policy);
                cache = SealedCache.create();
                return new MemGuard(StoreOpener.open(directory, mode, keys), keys, cache);
            } catch (Throwable failure) {
                if (cache != null) {
                    cache.close();
                }
                keys.close();
                throw failure;
            }
        }
    }

    /** Stores a value durably, in place of the one before; the buffer stays the caller's. */
    public void store(String name, SecretBuffer value) {
        requireValue(value);
        value.<@Nullable Void, RuntimeException>read(segment -> {
            store(name, segment);
            return null;
        });
    }

    /**
     * Stores a copy of native memory durably; the segment stays the caller's to wipe.
     *
     * @throws MemGuardException {@link ErrorCode#STORE_FAILED} where it could not be made durable: the value before is
     *     unchanged; {@link ErrorCode#INVALID_ARGUMENTS} for a heap segment, a bad name, or more than 1 GiB
     */
    public void store(String name, MemorySegment value) {
        SecretName checked = SecretName.of(name);
        requireValue(value);
        if (!value.isNative() || value.byteSize() > SecretBuffer.MAX_SIZE) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "a value is up to 1 GiB of native memory; use SecretBuffer");
        }
        requireOpen();
        long generation = store.write(checked, value);
        Secret secret = handle(name, checked);
        secret.become(new Secret.Cached(seal(value), generation));
    }

    /** Lends a value by its name; {@link #secret} gives a handle that saves the look-up. */
    public <R extends @Nullable Object, X extends Throwable> R read(String name, Borrower<R, X> use) throws X {
        requireOpen();
        Secret known = name == null ? null : secrets.get(name);
        return known != null
                ? known.read(use)
                : handle(name, SecretName.of(name)).read(use);
    }

    /** A handle on a secret, its value already in the cache; empty where there is none. */
    public Optional<Secret> secret(String name) {
        SecretName checked = SecretName.of(name);
        requireOpen();
        if (!store.contains(checked)) {
            return Optional.empty();
        }
        Secret secret = handle(name, checked);
        return hydrate(secret, checked).map(loaded -> secret);
    }

    /** Whether a value is stored under this name. */
    public boolean contains(String name) {
        SecretName checked = SecretName.of(name);
        requireOpen();
        return store.contains(checked);
    }

    /** Deletes a value durably, from memory and disk; false where there was none. */
    public boolean delete(String name) {
        SecretName checked = SecretName.of(name);
        requireOpen();
        boolean deleted = store.delete(checked);
        forget(name);
        return deleted;
    }

    /** The names of all stored values, sorted. Values whose name is damaged are left out, and counted in the log. */
    public List<String> list() {
        requireOpen();
        SecretStore.Names names = store.names();
        if (names.unreadable() > 0) {
            LOG.log(System.Logger.Level.WARNING, "{0} names of secrets are damaged", names.unreadable());
        }
        return names.readable();
    }

    /** Figures of the store; counts its files. */
    public Stats stats() {
        requireOpen();
        SecretStore.Totals totals = store.totals();
        return new Stats(
                store.info().keys().provider(),
                "AES-256-GCM",
                256,
                true,
                totals.items(),
                totals.bytes(),
                store.directory(),
                Instant.now());
    }

    /** What is in memory at present. */
    public MemoryUsage memoryUsage() {
        requireOpen();
        SealedCache.Usage usage = cache.usage();
        return new MemoryUsage(
                usage.items(),
                usage.valueBytes(),
                usage.sealedBytes(),
                usage.windowsInUse(),
                usage.lockedBytes() + GuardedMemory.lockedBytes(),
                usage.unlockedBytes() + GuardedMemory.unlockedBytes(),
                protection(usage.memoryKind()));
    }

    private static MemoryUsage.Protection protection(int kind) {
        return switch (kind) {
            case 1 -> MemoryUsage.Protection.MEMFD_SECRET;
            case 2 -> MemoryUsage.Protection.LOCKED;
            default -> MemoryUsage.Protection.UNLOCKED;
        };
    }

    /** Forgets all values in memory; what is on disk is read again when it is needed. */
    public void cleanupMemory() {
        requireOpen();
        secrets.values().forEach(secret -> secret.become(null));
        secrets.clear();
    }

    /**
     * Removes the store: every value, every name, and the key. It can't be undone, and copies of the files can't be
     * opened any more. Afterwards this store is empty for ever; to go on, close it and open a new one.
     *
     * @return how many values were removed
     * @throws MemGuardException {@link ErrorCode#CLEANUP_FAILED} where something is left; says what
     */
    public long cleanupAll() {
        requireOpen();
        cleanupMemory();
        return store.removeAll();
    }

    /** Wipes all that is in memory and ends the use of the directory. Idempotent. Borrows under way end undisturbed. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        cache.close();
        store.close();
        provider.close();
    }

    SealedCache cache() {
        return cache;
    }

    long generation(int stripe) {
        return store.generation(stripe);
    }

    /** Brings the current value of a secret into the cache. */
    Secret.Cached load(Secret secret) {
        requireOpen();
        return hydrate(secret, SecretName.of(secret.name()))
                .orElseThrow(() -> new MemGuardException(
                        ErrorCode.RETRIEVE_FAILED,
                        "there is no secret of this name; it was never stored, or was deleted"));
    }

    private Optional<Secret.Cached> hydrate(Secret secret, SecretName name) {
        var loaded = store.read(name, this::seal).map(value -> new Secret.Cached(value.result(), value.generation()));
        secret.become(loaded.orElse(null));
        if (loaded.isEmpty()) {
            secrets.remove(secret.name(), secret);
        }
        return loaded;
    }

    private long seal(MemorySegment plaintext) {
        return cache.put(plaintext, Duration.ZERO, Duration.ZERO);
    }

    private Secret handle(String name, SecretName checked) {
        return secrets.computeIfAbsent(name, key -> new Secret(this, key, checked.stripe()));
    }

    private void forget(String name) {
        Secret known = secrets.remove(name);
        if (known != null) {
            known.become(null);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this MemGuard is closed");
        }
    }

    private static void requireValue(@Nullable Object value) {
        if (value == null) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a value is needed; an empty one is allowed");
        }
    }
}
