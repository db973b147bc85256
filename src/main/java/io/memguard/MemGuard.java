package io.memguard;

import io.memguard.events.DirectAccessEvent;
import io.memguard.events.RateLimitedEvent;
import io.memguard.events.StoreEvent;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.memory.Addresses;
import io.memguard.memory.KeyCaches;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.memory.SealedCache;
import io.memguard.memory.StackRoom;
import io.memguard.os.NativeAccess;
import io.memguard.storage.Moment;
import io.memguard.storage.StorageProvider;
import io.memguard.storage.Totals;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.SecretName;
import io.memguard.store.SecretStore;
import io.memguard.store.StoreNames;
import io.memguard.store.StoreOpener;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A store of secrets: encrypted on disk, sealed in memory, in plaintext only while it is lent.
 *
 * <p>Thread-safe; any number of instances and processes may share a directory. A value that was stored survives a crash
 * or a power cut. A borrow that is under way when its secret is overwritten or deleted, or when this is closed, keeps its
 * value to its end. After {@link #close} every call is an {@link IllegalStateException}.
 *
 * <p>Names are 1 to 1,024 bytes of UTF-8. Values are 0 bytes to 1 GiB, as far as memory can be locked for them.
 *
 * <p><b>The degraded state.</b> Where the native libraries can't be loaded, opening fails and says why; with
 * {@link MemGuardBuilder#allowDegraded()} it opens without a cache: {@link #store} reaches the disk, {@link #retrieve} answers
 * {@link Status#RUST_NOT_READY}, reads and memory-only secrets fail, and {@link #retrieveDirect} works. When the
 * libraries can be loaded again, the next call notices (it looks once a second) and all works as usual.
 */
public final class MemGuard implements AutoCloseable {
    /** How long a memory-only secret lives without use, unless said otherwise. */
    public static final Duration DEFAULT_IDLE = Duration.ofMinutes(10);

    static {
        KeyCaches.install(store -> ((MemGuard) store).cache.keys());
    }

    private final SecretStore store;
    private final SecretCache cache;

    MemGuard(SecretStore store, @Nullable SealedCache sealed, Duration idle) {
        this.store = store;
        this.cache = new SecretCache(store, sealed, idle);
    }

    /** Begins to open the store in {@code directory/memguard_secure}. */
    public static MemGuardBuilder at(Path directory) {
        return new MemGuardBuilder(directory);
    }

    /**
     * Begins to open the store in another storage than a directory. What a builder says of a directory (its group, a shared file
     * system) does not count there; whether it is only read, the storage decides.
     */
    public static MemGuardBuilder on(StorageProvider storage) {
        return new MemGuardBuilder(storage);
    }

    /** What a store says about itself without a key; nothing where there is none. */
    public static Optional<StoreDescription> describe(Path directory) {
        NativeAccess.require();
        return StoreOpener.describe(new DirectoryStorageProvider(directory)).map(StoreDescription::of);
    }

    /**
     * Closes this process to core dumps and to debuggers of all users but root; see {@link ProcessProtection#harden}.
     *
     * @throws MemGuardException {@link ErrorCode#SECURITY_ERROR} where the kernel, or a filter of system calls, refuses it
     */
    public static void hardenProcess() {
        ProcessProtection.harden();
    }

    /** Stores a value durably, in place of the one before; the buffer stays the caller's. */
    public Status store(String name, SecretBuffer value) {
        Arguments.requireValue(value);
        return value.<Status, RuntimeException>read(segment -> store(name, segment));
    }

    /**
     * Stores a copy of native memory durably; the segment stays the caller's to wipe. A memory-only secret of the same
     * name is replaced.
     *
     * @return {@link Status#DONE}; in the degraded state {@link Status#RUST_NOT_READY}: it is on disk, not in the cache
     * @throws MemGuardException {@link ErrorCode#STORE_FAILED} where it could not be made durable: the value before is
     *     unchanged; {@link ErrorCode#INVALID_ARGUMENTS} for a heap segment, a bad name, or more than 1 GiB
     */
    public Status store(String name, MemorySegment value) {
        SecretName checked = SecretName.of(name);
        Arguments.requireNative(value);
        cache.requireOpen();
        return Addresses.<Status, RuntimeException>read(value, memory -> store(name, checked, memory));
    }

    private Status store(String name, SecretName checked, MemorySegment value) {
        var event = new StoreEvent();
        event.begin();
        boolean ready = cache.isReady();
        int now = cache.tick();
        Moment moment = store.write(checked, value);
        boolean cached = ready && cache.put(name, checked, value, moment, now);
        event.commit();
        return cached ? Status.DONE : Status.RUST_NOT_READY;
    }

    /**
     * Stores many values durably, waiting for the disk once for up to a thousand of them. Each value is replaced
     * atomically by itself and can be read by others as soon as it is; they are not one transaction. They go in the map's
     * order. The buffers stay the caller's.
     *
     * @return {@link Status#DONE}; {@link Status#RUST_NOT_READY} where not all of them are in the cache
     * @throws MemGuardException {@link ErrorCode#STORE_FAILED} says how many, from the beginning of the map, are durable;
     *     of the others the value before is unchanged; so storing all again is right. {@link ErrorCode#INVALID_ARGUMENTS}
     *     as for {@link #store(String, SecretBuffer)}: nothing was stored
     */
    public Status storeAll(Map<String, SecretBuffer> values) {
        return storeAll(BulkStore.ofBuffers(values));
    }

    /** The same with native memory, for more values than memory can be locked for; the segments stay the caller's to wipe. */
    public Status storeAllSegments(Map<String, MemorySegment> values) {
        return storeAll(BulkStore.ofSegments(values));
    }

    private Status storeAll(BulkStore values) {
        cache.requireOpen();
        var event = new StoreEvent();
        event.begin();
        boolean ready = cache.isReady();
        int now = cache.tick();
        boolean cached = values.write(
                store,
                (value, moment) -> ready
                        && value.plaintext()
                                .<Boolean>read(segment -> cache.put(value.text(), value.name(), segment, moment, now)));
        event.commit();
        return ready && cached ? Status.DONE : Status.RUST_NOT_READY;
    }

    /** The same with a time to live, and {@link #DEFAULT_IDLE}. */
    public void storeEphemeral(String name, SecretBuffer value, Duration timeToLive) {
        storeEphemeral(name, value, timeToLive, DEFAULT_IDLE);
    }

    /**
     * Keeps a value in this instance's memory only, never on disk. A background thread removes it in time; a read after
     * its time fails even before that. Until then it hides what another process stores under this name; from then on
     * that is read. The buffer stays the caller's.
     *
     * @param timeToLive from now on; more than zero
     * @param idle from its last use on; more than zero
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where a stored secret has this name
     */
    public void storeEphemeral(String name, SecretBuffer value, Duration timeToLive, Duration idle) {
        Arguments.requireValue(value);
        value.<@Nullable Void, RuntimeException>read(segment -> {
            storeEphemeral(name, segment, timeToLive, idle);
            return null;
        });
    }

    /**
     * The same with a copy of native memory, which stays the caller's to wipe. For many values: opening a buffer
     * costs two system calls.
     */
    public void storeEphemeral(String name, MemorySegment value, Duration timeToLive, Duration idle) {
        SecretName checked = SecretName.of(name);
        Arguments.requireNative(value);
        Arguments.positive(timeToLive);
        Arguments.positive(idle);
        cache.requireReady();
        if (store.contains(checked)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "a stored secret has this name; delete it first, or choose another name");
        }
        Addresses.<@Nullable Void, RuntimeException>read(value, memory -> {
            cache.putMemoryOnly(name, checked, memory, timeToLive, idle);
            return null;
        });
    }

    /** Lends a value by its name; {@link #secret} gives a handle that saves the look-up. See {@link Secret#read}. */
    public <R extends @Nullable Object, X extends Throwable> R read(String name, Borrower<R, X> use) throws X {
        return cache.read(name, use);
    }

    /** Uses several values at once. */
    @FunctionalInterface
    public interface Combiner<R extends @Nullable Object, X extends Throwable> {
        /** Uses the plaintexts, in the order of the names; must not keep the segments. */
        R use(List<MemorySegment> secrets) throws X;
    }

    /** Lends several values at once, each from its own moment; see {@link Borrower} for how long. */
    public <R extends @Nullable Object, X extends Throwable> R readAll(List<String> names, Combiner<R, X> use)
            throws X {
        return readRest(List.copyOf(names), new ArrayList<>(), use);
    }

    private <R extends @Nullable Object, X extends Throwable> R readRest(
            List<String> names, List<MemorySegment> lent, Combiner<R, X> use) throws X {
        if (lent.size() == names.size()) {
            return use.use(List.copyOf(lent));
        }
        return this.<R, X>read(names.get(lent.size()), segment -> {
            lent.add(segment);
            return readRest(names, lent, use);
        });
    }

    /** A handle on a secret, its value already in the cache; empty where there is none. */
    public Optional<Secret> secret(String name) {
        return cache.load(name);
    }

    /**
     * Brings a value into the cache, for a caller that must not see it.
     *
     * @return {@link Status#DONE}, {@link Status#NOT_FOUND} or {@link Status#RUST_NOT_READY}
     */
    public Status retrieve(String name) {
        SecretName.of(name);
        cache.requireOpen();
        if (!cache.isReady()) {
            return Status.RUST_NOT_READY;
        }
        return cache.load(name).isPresent() ? Status.DONE : Status.NOT_FOUND;
    }

    /**
     * The emergency route: the value as an array <b>on the heap</b>, for when the native cache is not ready. Then it goes
     * by JCA alone; else it is read from its file, and the cache is filled as well. What a heap dump shows of it is the
     * caller's to answer for: wipe the array.
     *
     * @return empty where there is no such secret on disk
     * @throws MemGuardException {@link ErrorCode#RATE_LIMIT_EXCEEDED} after 5 calls for this name in 60 seconds
     */
    public Optional<byte[]> retrieveDirect(String name) {
        SecretName checked = SecretName.of(name);
        cache.requireOpen();
        try {
            DirectAccessLimit.OF_THIS_PROCESS.count(storeId(), checked);
        } catch (MemGuardException refused) {
            new RateLimitedEvent().commit();
            throw refused;
        }
        var event = new DirectAccessEvent();
        event.begin();
        boolean ready = cache.isReady();
        Optional<byte[]> bytes = onHeap(checked);
        if (ready && bytes.isPresent()) {
            cache.refresh(name, checked);
        }
        event.commit();
        return bytes;
    }

    /** {@link #retrieveDirect} under a name that says what it does: the value ends <b>on the heap</b>. */
    public Optional<byte[]> retrieveOnHeap(String name) {
        return retrieveDirect(name);
    }

    private Optional<byte[]> onHeap(SecretName name) {
        try (var plaintext = PlaintextBuffer.empty()) {
            return store.read(name, plaintext)
                    .map(moment ->
                            plaintext.<byte[], RuntimeException>read(value -> value.toArray(ValueLayout.JAVA_BYTE)));
        }
    }

    /** Whether a value is stored under this name, on disk or in memory only. */
    public boolean contains(String name) {
        SecretName checked = SecretName.of(name);
        cache.requireOpen();
        return cache.isMemoryOnly(name) || store.contains(checked);
    }

    /** Deletes a value durably, from memory and disk; false where there was none. */
    public boolean delete(String name) {
        SecretName checked = SecretName.of(name);
        cache.requireOpen();
        return cache.delete(name, checked);
    }

    /**
     * The names of all values, sorted, those in memory only included: as they are now, in a list that does not change and
     * takes 4 bytes each of the heap. Values whose name is damaged are left out, and counted in the log.
     */
    public List<String> list() {
        cache.requireOpen();
        StoreNames names = store.names(cache.memoryOnly());
        if (names.unreadable() > 0) {
            log().log(System.Logger.Level.WARNING, "{0} names of secrets are damaged", names.unreadable());
        }
        return names.readable();
    }

    /**
     * Figures of the store, in a time that does not depend on how many values there are. Only the first call after a start
     * of the machine, or after a process was killed while it stored, looks at every file.
     */
    public Stats stats() {
        cache.requireOpen();
        Totals totals = store.totals();
        return new Stats(
                storageType(store.info().keys()),
                Stats.ENCRYPTION_TYPE,
                Stats.KEY_STRENGTH,
                cache.isReady(),
                totals.items(),
                totals.bytes(),
                Path.of(store.location()),
                Instant.now());
    }

    /** A key that its provider keeps, in a token or in direct mode, or one that this process unwraps. */
    private static String storageType(KeyDescriptor keys) {
        return keys.provider().equals(Pkcs11Keys.TYPE) || keys.mode() == KeyMode.DIRECT
                ? Stats.HARDWARE
                : Stats.SOFTWARE;
    }

    /** The store's id, 32 hexadecimal digits; never changes, not secret. */
    public String storeId() {
        return store.info().storeId();
    }

    /** What is in memory at present. In the degraded state only what buffers hold. */
    public MemoryUsage memoryUsage() {
        cache.requireOpen();
        return MemoryUsage.of(cache.usage(), ProcessProtection.state().hardened());
    }

    /**
     * Changes the store's key: every file is encrypted again under a new key of the same provider, and the old one is gone
     * when it returns. Other processes go on reading and writing in the meantime. Killed or failed at any point, nothing is
     * lost, and the next call continues where it was. Needs about as long as storing every value again.
     *
     * @throws MemGuardException {@link ErrorCode#STORE_FAILED} where files are damaged, the disk fails, or another key change
     *     is under way; {@link ErrorCode#KEY_INVALID} where the store has another provider's key by now, or a change to
     *     another provider was interrupted; {@link ErrorCode#CLEANUP_FAILED} where all is under the next key and only the old
     *     one could not be destroyed
     */
    public void rotate(Progress progress) {
        cache.requireReady();
        try {
            store.keyChange().rotate(progress);
        } finally {
            Reference.reachabilityFence(this); // The store must not be mistaken for forgotten.
        }
    }

    /**
     * The same with a key of another provider: for another passphrase, to move from a software keystore to a token, or from
     * one token to another. Until it returns, the provider before opens the store; from then on only this one, which is
     * closed together with this. It has been tried by then: a new opening with it alone opens the store. An interrupted change is continued
     * by the same call; another one's is never joined.
     *
     * @param to the provider that takes over; closed where the store stays with the one before
     * @throws MemGuardException as by {@link #rotate}
     */
    public void rekey(KeyProvider to, Progress progress) {
        cache.requireReady();
        try {
            store.keyChange().rekey(to, progress);
        } catch (Throwable failure) {
            if (!store.uses(to)) {
                to.close();
            }
            throw failure;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Gives up a {@link #rotate} or {@link #rekey} that was interrupted: every value is under the present key again, the
     * next one is destroyed as far as it can be reached. Killed or failed at any point, the next call continues.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where no change is under way; else as by {@link #rotate}
     */
    public void abortRekey(Progress progress) {
        cache.requireReady();
        try {
            store.keyChange().abort(progress);
        } finally {
            Reference.reachabilityFence(this); // The store must not be mistaken for forgotten.
        }
    }

    /**
     * A store that was copied or moved keeps the keys of before a change, outside of its folder, since the other copy may need them, and keeps
     * their names. This drops the names; the keys stay in their token.
     *
     * @return the keys, in words for people
     */
    public List<String> forgetOldKeys() {
        cache.requireReady();
        try {
            return store.keyChange().forgetOld();
        } finally {
            Reference.reachabilityFence(this); // The store must not be mistaken for forgotten.
        }
    }

    /**
     * Ends the detection of rollbacks, see {@link MemGuardBuilder#detectRollback}, and removes the records; nothing where there are
     * none.
     *
     * @throws MemGuardException {@link ErrorCode#STORE_FAILED} where the token or the disk fails: try again
     */
    public void disableRollbackDetection() {
        cache.requireReady();
        try {
            store.rollbackDetection().disable();
        } finally {
            Reference.reachabilityFence(this); // The store must not be mistaken for forgotten.
        }
    }

    /** Forgets all values in memory, memory-only ones too; what is on disk is read again when it is needed. */
    public void cleanupMemory() {
        cache.requireOpen();
        cache.clear();
    }

    /**
     * Gives the cache up with all that is in it, memory-only secrets too, for instance before a checkpoint of the
     * process: until {@link #startCache} this behaves as in the degraded state, but for keys and plaintext, which stay
     * off the heap. Idempotent.
     */
    public void shutdownCache() {
        cache.suspend();
    }

    /** Begins with an empty cache after {@link #shutdownCache}; idempotent. */
    public void startCache() {
        cache.resume();
    }

    /**
     * Removes the store: every value, every name, and the key. It can't be undone, and copies of the files can't be
     * opened any more. Afterwards this store stays empty; to go on, close it and open a new one.
     *
     * @return how many values were removed
     * @throws MemGuardException {@link ErrorCode#CLEANUP_FAILED} where something is left; says what
     */
    public long cleanupAll() {
        cache.requireOpen();
        cleanupMemory();
        return store.removeAll();
    }

    /**
     * Wipes all that is in memory and ends the use of the directory. Idempotent. Borrows under way end undisturbed. Waits a
     * few seconds for other operations under way; one that takes longer (it waits for another process, say) ends by itself,
     * and gives back then what it uses.
     */
    @Override
    public void close() {
        StackRoom.requireForCall();
        cache.close();
        store.close();
    }

    /** For {@link MemGuardBuilder#trustCurrentState}. */
    long trustCurrentState(Progress progress) {
        return store.rollbackDetection().accept(progress);
    }

    /** Looked up when there is something to say: the first logger of a JVM takes as long as half an opening. */
    static System.Logger log() {
        return System.getLogger(MemGuard.class.getName());
    }
}
