package io.memguard;

import io.memguard.events.HydrateEvent;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.memory.SealedCache;
import io.memguard.memory.StackRoom;
import io.memguard.memory.Windows;
import io.memguard.storage.Moment;
import io.memguard.store.SecretName;
import io.memguard.store.SecretStore;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What is in memory of one store: a table of handles, each with the sealed value that it had last, and the way of a value from
 * disk into it. Thread-safe.
 *
 * <p>The native cache behind it may be missing: given up on purpose, or until the native libraries can be loaded.
 */
final class SecretCache implements AutoCloseable {
    private static final long RECOVERY_INTERVAL = TimeUnit.SECONDS.toNanos(1);

    private static final int NEVER = -1; // is no tick

    private final SecretStore store;
    private final Duration idle;
    private final ConcurrentHashMap<String, Secret> secrets = new ConcurrentHashMap<>();
    private final Sweeper sweeper = new Sweeper(this);
    private volatile @Nullable SealedCache sealed;
    private @Nullable SealedCache keys;
    private volatile boolean closed;
    private volatile boolean suspended;
    private volatile int tick;
    private long lastRecovery = System.nanoTime();

    /**
     * @param sealed closed with this; null in the degraded state
     * @param idle how long a value from disk stays without use; zero for as long as the cache
     */
    SecretCache(SecretStore store, @Nullable SealedCache sealed, Duration idle) {
        this.store = store;
        this.sealed = sealed;
        this.idle = idle;
    }

    // Reading

    <R extends @Nullable Object, X extends Throwable> R read(String name, Borrower<R, X> use) throws X {
        if (closed) {
            throw isClosed();
        }
        Secret known = name == null ? null : secrets.get(name);
        return known != null
                ? known.read(use)
                : handle(name, SecretName.of(name)).read(use);
    }

    /** A handle on a secret, its value brought into the cache; empty where there is none. */
    Optional<Secret> load(String name) {
        SecretName checked = SecretName.of(name);
        requireReady();
        Secret known = secrets.get(name);
        if (known != null && known.isMemoryOnly() && known.isAlive()) {
            return Optional.of(known);
        }
        if (!store.contains(checked)) {
            return Optional.empty();
        }
        Secret secret = handle(name, checked);
        Optional<Secret> found = Optional.of(secret);
        Secret.Cached before = secret.cached();
        if (before != null && before.isMemoryOnly() && secret.isAlive()) { // stored just now
            return found;
        }
        try (var plaintext = PlaintextBuffer.empty()) {
            return hydrate(secret, checked, before, plaintext) ? found : Optional.empty();
        }
    }

    /** Reads a value from disk again, unless a memory-only one hides it. */
    void refresh(String name, SecretName checked) {
        Secret secret = handle(name, checked);
        Secret.Cached before = secret.cached();
        if (before == null || !before.isMemoryOnly()) {
            try (var plaintext = PlaintextBuffer.empty()) {
                hydrate(secret, checked, before, plaintext);
            }
        }
    }

    /** Brings the current value of a secret into the cache, and lends it from where it was decrypted to. */
    <R extends @Nullable Object, X extends Throwable> R readStored(
            Secret secret, Secret.@Nullable Cached before, Borrower<R, X> use) throws X {
        requireReady();
        Secret.Cached outdated = before;
        if (before != null && before.isMemoryOnly()) { // It has expired: what is on disk counts again.
            secret.replace(before, null);
            outdated = null;
        }
        // A handle that outlived its secret follows the one that has its name now, and keeps no copy that no call would
        // find.
        Secret current = secrets.computeIfAbsent(secret.name(), name -> secret);
        if (current != secret) {
            return current.read(use);
        }
        long window = outdated == null ? SealedCache.STALE : openRenewed(secret, outdated);
        if (window >= 0) {
            return SealedCache.lend(window, use);
        }
        try (var plaintext = PlaintextBuffer.empty()) {
            if (!hydrate(secret, SecretName.of(secret.name()), outdated, plaintext)) {
                throw new MemGuardException(
                        ErrorCode.RETRIEVE_FAILED,
                        "there is no secret of this name; it was never stored, was deleted, or has expired");
            }
            return plaintext.read(use);
        }
    }

    /** A window on a cached value that only seemed outdated, since another name with its counter was changed; or STALE. */
    private long openRenewed(Secret secret, Secret.Cached before) {
        int now = tick;
        if (!before.cache().contains(before.handle())) {
            return SealedCache.STALE;
        }
        var moment = store.renewed(SecretName.of(secret.name()), before.moment());
        if (moment.isEmpty()) {
            return SealedCache.STALE;
        }
        var renewed = new Secret.Cached(before.cache(), before.handle(), moment.get(), looked(now));
        return secret.renew(before, renewed) ? renewed.open() : SealedCache.STALE;
    }

    /**
     * Reads the value from disk, which is in the cache then unless another one was put there since; false where there is none.
     *
     * @param before what it takes the place of
     * @param plaintext gets it; the caller closes it
     */
    private boolean hydrate(Secret secret, SecretName name, Secret.@Nullable Cached before, PlaintextBuffer plaintext) {
        var event = new HydrateEvent();
        event.begin();
        int now = tick;
        Optional<Moment> moment = store.read(name, plaintext);
        if (moment.isEmpty()) {
            secret.replace(before, null);
            forget(secret, null);
            event.commit();
            return false;
        }
        // The generation was read before the file, under the secret's lock.
        Secret.Cached value = plaintext.read(segment -> seal(requireSealed(), segment, moment.get(), now));
        try {
            // Into the table again, where it was deleted concurrently: what is cached must be found to be given up.
            secrets.compute(secret.name(), (key, known) -> {
                Secret holder = known == null ? secret : known;
                holder.replace(holder == secret ? before : null, value);
                return holder;
            });
        } catch (Throwable failure) {
            Secret.giveUp(value);
            throw failure;
        }
        event.commit();
        return true;
    }

    long generation(int stripe) {
        return store.generation(stripe);
    }

    /** A number that changes twice a second: how long ago the file of a cached value was checked. */
    int tick() {
        return tick;
    }

    /**
     * Whether a cached value is still what is in its file: a restore, or a process that does not share the counters, changes
     * that without a new generation.
     */
    boolean isStill(Secret secret, Secret.Cached value) {
        int now = tick;
        boolean same = store.isStill(SecretName.of(secret.name()), value.moment());
        if (same) {
            value.seen(looked(now));
        }
        return same;
    }

    /** Until when a look at a file serves: the tick, or no read at all where none ends it, or hosts share the files. */
    private int looked(int now) {
        return sweeper.isTicking() && !store.isShared() ? now : NEVER;
    }

    // Storing and deleting

    /**
     * Keeps what is durable by now, which must not fail any more: false where the cache is given up or closed by then.
     *
     * @param now the tick before it became the current value
     */
    boolean put(String name, SecretName checked, MemorySegment value, Moment moment, int now) {
        SealedCache target = sealed;
        if (target == null) {
            return false;
        }
        try {
            put(name, checked, seal(target, value, moment, now));
            return true;
        } catch (IllegalStateException e) {
            return false;
        }
    }

    void putMemoryOnly(String name, SecretName checked, MemorySegment value, Duration timeToLive, Duration unused) {
        SealedCache target = requireSealed();
        put(name, checked, new Secret.Cached(target, target.put(value, timeToLive, unused), Secret.MEMORY_ONLY, tick));
        sweeper.startOrSweep();
    }

    /** A value and its place in the table in one step: none is lost to a call that removes the secret at that moment. */
    private void put(String name, SecretName checked, Secret.Cached value) {
        try {
            secrets.compute(name, (key, known) -> {
                Secret secret = known == null ? new Secret(this, key, checked.stripe()) : known;
                secret.become(value);
                return secret;
            });
        } catch (Throwable failure) { // Without its place it would stay in the cache for good.
            Secret.giveUp(value);
            throw failure;
        }
    }

    /** @param now the tick before it became, or was known to be, the current value */
    private Secret.Cached seal(SealedCache target, MemorySegment plaintext, Moment moment, int now) {
        sweeper.startOrSweep(); // It has values checked again, and gives up long windows that are not used any more.
        return new Secret.Cached(target, target.put(plaintext, Duration.ZERO, idle), moment, looked(now));
    }

    /** Deletes a value from disk and from memory; false where there was none. */
    boolean delete(String name, SecretName checked) {
        Secret known = secrets.get(name);
        Secret.Cached before = known == null ? null : known.cached();
        boolean inMemory = isMemoryOnly(name);
        boolean deleted = store.delete(checked);
        dropDeleted(name, before);
        return deleted || inMemory;
    }

    /** Keeps a memory-only value that was acknowledged while the deletion waited for its lock. */
    private void dropDeleted(String name, Secret.@Nullable Cached before) {
        secrets.computeIfPresent(name, (key, known) -> {
            Secret.Cached now = known.cached();
            if (now != null && now.isMemoryOnly() && !now.equals(before)) {
                return known;
            }
            known.become(null);
            return null;
        });
    }

    /** Drops all values. */
    void clear() {
        secrets.keySet().forEach(this::drop);
        if (sealed != null) {
            Windows.trim();
        }
    }

    private void drop(String name) {
        secrets.computeIfPresent(name, (key, known) -> {
            known.become(null);
            return null;
        });
    }

    /** Drops a secret whose value is gone, unless it has got another one since. */
    private void forget(Secret secret, Secret.@Nullable Cached last) {
        secrets.computeIfPresent(
                secret.name(), (key, known) -> known == secret && Objects.equals(known.cached(), last) ? null : known);
    }

    /** For the sweeper. */
    void sweep() {
        tick = (tick + 1) & Integer.MAX_VALUE;
        SealedCache ready = sealed;
        if (ready != null && !closed) {
            if (ready.sweep() > 0) {
                secrets.values().stream()
                        .filter(secret -> secret.isMemoryOnly() && !secret.isAlive())
                        .forEach(secret -> forget(secret, secret.cached()));
            }
        }
    }

    private Secret handle(String name, SecretName checked) {
        return secrets.computeIfAbsent(name, key -> new Secret(this, key, checked.stripe()));
    }

    // What is there

    /** Whether a value that is in memory only has this name. */
    boolean isMemoryOnly(String name) {
        Secret known = secrets.get(name);
        return known != null && known.isMemoryOnly() && known.isAlive();
    }

    /** The names of all values that are in memory only. */
    List<String> memoryOnly() {
        return secrets.values().stream()
                .filter(secret -> secret.isMemoryOnly() && secret.isAlive())
                .map(Secret::name)
                .toList();
    }

    /** Nothing where there is no native cache. */
    Optional<SealedCache.Usage> usage() {
        return isReady() ? Optional.of(requireSealed().usage()) : Optional.empty();
    }

    // The native cache

    /** Whether the native cache can be used; looks once a second whether it can by now. */
    boolean isReady() {
        return sealed != null || recover();
    }

    private synchronized boolean recover() {
        if (sealed == null && !closed && !suspended && System.nanoTime() - lastRecovery > RECOVERY_INTERVAL) {
            lastRecovery = System.nanoTime();
            if (NativeLibraries.retry()) {
                // From here on no plaintext passes over the heap any more, so the key must come by the native route.
                store.reopenKeys();
                sealed = SealedCache.create();
                MemGuard.log().log(System.Logger.Level.INFO, "the native libraries are loaded again");
            }
        }
        return sealed != null;
    }

    void requireReady() {
        requireOpen();
        if (!isReady()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the native cache is not ready"
                            + NativeLibraries.failure()
                                    .map(reason -> " (" + reason + "); use retrieveDirect in the meantime")
                                    .orElse(" yet; try again in a second, or use retrieveDirect"));
        }
    }

    private SealedCache requireSealed() {
        SealedCache ready = sealed;
        if (ready == null) {
            requireReady();
            ready = Objects.requireNonNull(sealed);
        }
        return ready;
    }

    /** The cache of keys at work, made when it is first needed. */
    synchronized SealedCache keys() {
        requireReady();
        SealedCache known = keys;
        if (known == null) {
            known = SealedCache.create();
            keys = known;
        }
        return known;
    }

    private synchronized void closeKeys() {
        SealedCache ending = keys;
        keys = null;
        if (ending != null) {
            ending.close();
        }
    }

    /** Whether a value is stored, or in memory, under the name of a handle; the current one is in the cache then. */
    boolean isThere(Secret secret) {
        requireOpen();
        if (!isMemoryOnly(secret.name()) && !store.contains(SecretName.of(secret.name()))) {
            return false;
        }
        secret.size();
        return true;
    }

    void requireOpen() {
        StackRoom.requireForCall();
        if (closed) {
            throw isClosed();
        }
    }

    boolean isOpen() {
        return !closed;
    }

    private static IllegalStateException isClosed() {
        return new IllegalStateException("this MemGuard is closed");
    }

    /** Gives the native cache up with all that is in it, until {@link #resume}. */
    synchronized void suspend() {
        requireOpen();
        suspended = true;
        SealedCache ending = sealed;
        sealed = null;
        secrets.clear();
        closeKeys();
        if (ending != null) {
            ending.close();
        }
    }

    synchronized void resume() {
        requireOpen();
        suspended = false;
        if (sealed == null && NativeLibraries.isLoaded()) {
            sealed = SealedCache.create();
        }
    }

    @Override
    public void close() {
        closed = true;
        sweeper.close();
        closeKeys();
        SealedCache ending = sealed;
        if (ending != null) {
            ending.close();
        }
    }
}
