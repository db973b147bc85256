package io.memguard;

import io.memguard.events.DirectAccessEvent;
import io.memguard.events.HydrateEvent;
import io.memguard.events.KeyInvalidEvent;
import io.memguard.events.RateLimitedEvent;
import io.memguard.events.StoreEvent;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.TrustedRecords;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.memory.Addresses;
import io.memguard.memory.GuardedMemory;
import io.memguard.memory.LockedMemory;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.Scratch;
import io.memguard.memory.SealedCache;
import io.memguard.memory.StackRoom;
import io.memguard.memory.Windows;
import io.memguard.os.NativeAccess;
import io.memguard.os.ProcessFlags;
import io.memguard.os.ResourceLimits;
import io.memguard.store.Moment;
import io.memguard.store.SecretName;
import io.memguard.store.SecretStore;
import io.memguard.store.StoreAccess;
import io.memguard.store.StoreOpener;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
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
 * {@link Builder#allowDegraded()} it opens without a cache: {@link #store} reaches the disk, {@link #retrieve} answers
 * {@link Status#RUST_NOT_READY}, reads and memory-only secrets fail, and {@link #retrieveDirect} works. When the
 * libraries can be loaded again, the next call notices (it looks once a second) and all works as usual.
 */
public final class MemGuard implements AutoCloseable {
    /** How long a memory-only secret lives without use, unless said otherwise. */
    public static final Duration DEFAULT_IDLE = Duration.ofMinutes(10);

    private static final Duration LONGEST_WAIT = Duration.ofHours(1);
    private static final long RECOVERY_INTERVAL = TimeUnit.SECONDS.toNanos(1);

    private final SecretStore store;
    private final Duration hydratedIdle;
    private final ConcurrentHashMap<String, Secret> secrets = new ConcurrentHashMap<>();
    private final Sweeper sweeper = new Sweeper(this);
    private volatile @Nullable SealedCache cache;
    private volatile boolean closed;
    private volatile boolean suspended;
    private volatile int tick;
    private long lastRecovery = System.nanoTime();

    private MemGuard(SecretStore store, @Nullable SealedCache cache, Duration hydratedIdle) {
        this.store = store;
        this.cache = cache;
        this.hydratedIdle = hydratedIdle;
    }

    /** Begins to open the store in {@code directory/memguard_secure}. */
    public static Builder at(Path directory) {
        return new Builder(directory);
    }

    /** What a store says about itself without a key; nothing where there is none. */
    public static Optional<StoreDescription> describe(Path directory) {
        NativeAccess.require();
        return StoreOpener.describe(directory).map(StoreDescription::of);
    }

    /**
     * Closes this process to core dumps (a limit of 0, inherited by the processes that it starts) and to debuggers and
     * {@code /proc/PID/mem}, {@code maps} or {@code environ} of everybody but root (PR_SET_DUMPABLE 0, which ends when it
     * replaces itself by another program). There is no way back. Best called first in {@code main}; idempotent.
     *
     * <p>It costs what needs these: core files, gdb, strace and profilers from outside, except as root. It does not stop
     * what the JVM itself does when asked: {@code jcmd}, agents that attach and heap dumps of the same user still work,
     * unless it runs with {@code -XX:+DisableAttachMechanism}.
     *
     * @throws MemGuardException {@link ErrorCode#SECURITY_ERROR} where the kernel, or a filter of system calls, refuses it
     */
    public static void hardenProcess() {
        try {
            ResourceLimits.forbidCoreDumps();
            ProcessFlags.forbidDumps();
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the process can't be hardened: " + e.getMessage()
                            + "; allow prctl and setrlimit in the seccomp filter of the container or the unit",
                    e);
        }
    }

    private static boolean isHardened() {
        return !ProcessFlags.isDumpable() && ResourceLimits.coreDump().soft() == 0;
    }

    /** How to open a store; not thread-safe. */
    public static final class Builder {
        private final Path directory;
        private @Nullable KeyProvider provider;
        private OpenMode mode = OpenMode.OPEN_OR_CREATE;
        private MemoryPolicy policy = MemoryPolicy.REQUIRE_LOCKED;
        private @Nullable Duration wait;
        private Duration hydratedIdle = Duration.ZERO;
        private boolean degraded;
        private @Nullable TrustedRecords records;
        private boolean group;
        private boolean sharedFileSystem;

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
         * How long a borrow waits at most for locked memory while others have all of it, before it fails with
         * {@link ErrorCode#SECURITY_ERROR}, which names the limit; zero for not at all. Unless said otherwise a second
         * during which no borrow that waits gets any, and 30 seconds at most: a rush is waited for, a callback that waits
         * for what it holds itself is not. Like the memory it counts for the whole process. {@link SecretBuffer}s, which
         * live longer, never wait.
         */
        public Builder lockedMemoryWait(Duration longest) {
            if (longest == null || longest.isNegative() || longest.compareTo(LONGEST_WAIT) > 0) {
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "wait for locked memory from 0 to 1 hour");
            }
            this.wait = longest;
            return this;
        }

        /** How long a value from disk stays in the cache without use; for ever unless said otherwise. */
        public Builder cacheIdle(Duration idle) {
            this.hydratedIdle = positive(idle);
            return this;
        }

        /**
         * Detects files of an earlier time that were put back, one or all: records of the present state of each are kept
         * outside of the directory, in a token ({@link io.memguard.keys.pkcs11.Pkcs11Records}). A new store keeps them from
         * the beginning, an existing one since {@link #acceptPresentState}. Every process that opens the store has to say
         * where they are; who does not gets {@link ErrorCode#SECURITY_ERROR}, and so does a read, {@code contains} or an
         * opening that finds an earlier state, or a file missing. Each store and delete writes to the token twice, each read
         * from disk asks it once; reads from the cache don't.
         *
         * @param where closed with the store
         */
        public Builder detectRollback(TrustedRecords where) {
            this.records = Objects.requireNonNull(where);
            return this;
        }

        /**
         * Opens the store whatever its state, records that state as the right one, and closes it: to begin the detection of
         * roll-backs, or after a backup was restored on purpose. Nobody else reads or writes meanwhile.
         *
         * @return how many secrets were recorded otherwise before: changed, missing or put back
         * @throws MemGuardException as by {@link #open}; {@link ErrorCode#STORE_FAILED} where the token fails: try again
         */
        public long acceptPresentState(Progress progress) {
            if (records == null) {
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "call detectRollback(...) before");
            }
            mode = OpenMode.EXISTING;
            try (var guard = open(true)) {
                return guard.store.recording().accept(progress);
            }
        }

        /**
         * Opens the store also where a group has access to its directory (mode 2770), as Kubernetes makes it for a volume with
         * {@code fsGroup}. What it costs: every member of that group can delete the store, put an earlier state in its place,
         * or read which files there are; none can read or change a value without the key.
         */
        public Builder allowGroupAccess() {
            this.group = true;
            return this;
        }

        /**
         * Opens the store also on a network or FUSE file system (NFS, SMB, CephFS, 9p, virtiofs, bindfs ...), whose mounts
         * don't share a page cache. What it costs: each read looks at the file, which is a question to the server, since
         * another host's changes can't be seen in memory. Only one host may change keys at a time, and only where the file
         * system keeps locks of all hosts apart (NFSv4 does, two bindfs mounts don't).
         */
        public Builder allowSharedFileSystem() {
            this.sharedFileSystem = true;
            return this;
        }

        /** Opens also where the native libraries can't be loaded; see the class's description of the degraded state. */
        public Builder allowDegraded() {
            this.degraded = true;
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
            return open(false);
        }

        private MemGuard open(boolean accepting) {
            KeyProvider keys = provider;
            if (keys == null) {
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "call keys(...) before open()");
            }
            SealedCache cache = null;
            try {
                NativeAccess.require();
                LockedMemory.accept(policy);
                if (wait != null) {
                    LockedMemory.waitAtMost(wait);
                }
                if (degraded) {
                    NativeLibraries.allowAbsence();
                }
                if (!degraded || NativeLibraries.isLoaded()) {
                    cache = SealedCache.create();
                } else {
                    log().log(
                                    System.Logger.Level.WARNING,
                                    "degraded: {0}",
                                    NativeLibraries.failure().orElse(""));
                }
                var access = new StoreAccess(mode == OpenMode.READ_ONLY, group, sharedFileSystem);
                var store = StoreOpener.open(directory, mode, keys, records, accepting, access);
                return new MemGuard(store, cache, hydratedIdle);
            } catch (Throwable failure) {
                if (failure instanceof MemGuardException known && known.code() == ErrorCode.KEY_INVALID) {
                    new KeyInvalidEvent().commit();
                }
                if (cache != null) {
                    cache.close();
                }
                keys.close();
                if (records != null) {
                    records.close();
                }
                throw failure;
            }
        }
    }

    /** Stores a value durably, in place of the one before; the buffer stays the caller's. */
    public Status store(String name, SecretBuffer value) {
        requireValue(value);
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
        requireNative(value);
        requireOpen();
        return Addresses.<Status, RuntimeException>read(value, memory -> store(name, checked, memory));
    }

    private Status store(String name, SecretName checked, MemorySegment value) {
        var event = new StoreEvent();
        event.begin();
        boolean ready = isReady();
        int now = tick;
        Moment moment = store.write(checked, value);
        boolean cached = ready && cacheIfOpen(name, checked, value, moment, now);
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
        requireOpen();
        var event = new StoreEvent();
        event.begin();
        boolean ready = isReady();
        int now = tick;
        boolean cached = values.write(
                store,
                (value, moment) -> ready
                        && value.plaintext()
                                .<Boolean>read(
                                        segment -> cacheIfOpen(value.text(), value.name(), segment, moment, now)));
        event.commit();
        return ready && cached ? Status.DONE : Status.RUST_NOT_READY;
    }

    /** What is durable by now must not fail any more where the cache is shut down or closed meanwhile. */
    private boolean cacheIfOpen(String name, SecretName checked, MemorySegment value, Moment moment, int now) {
        SealedCache target = cache;
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
        requireValue(value);
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
        requireNative(value);
        positive(timeToLive);
        positive(idle);
        requireReady();
        if (store.contains(checked)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "a stored secret has this name; delete it first, or choose another name");
        }
        SealedCache target = cache();
        long sealed = Addresses.<Long, RuntimeException>read(value, memory -> target.put(memory, timeToLive, idle));
        put(name, checked, new Secret.Cached(target, sealed, Secret.MEMORY_ONLY, tick));
        sweeper.startOrSweep();
    }

    /** Lends a value by its name; {@link #secret} gives a handle that saves the look-up. See {@link Secret#read}. */
    public <R extends @Nullable Object, X extends Throwable> R read(String name, Borrower<R, X> use) throws X {
        if (closed) {
            throw isClosed();
        }
        Secret known = name == null ? null : secrets.get(name);
        return known != null
                ? known.read(use)
                : handle(name, SecretName.of(name)).read(use);
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
        try (var plaintext = Scratch.empty()) {
            return hydrate(secret, checked, before, plaintext) ? found : Optional.empty();
        }
    }

    /**
     * Brings a value into the cache, for whoever must not see it.
     *
     * @return {@link Status#DONE}, {@link Status#NOT_FOUND} or {@link Status#RUST_NOT_READY}
     */
    public Status retrieve(String name) {
        SecretName.of(name);
        requireOpen();
        if (!isReady()) {
            return Status.RUST_NOT_READY;
        }
        return secret(name).isPresent() ? Status.DONE : Status.NOT_FOUND;
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
        requireOpen();
        try {
            DirectAccessLimit.OF_THIS_PROCESS.count(storeId(), checked);
        } catch (MemGuardException refused) {
            new RateLimitedEvent().commit();
            throw refused;
        }
        var event = new DirectAccessEvent();
        event.begin();
        boolean ready = isReady();
        Optional<byte[]> bytes = onHeap(checked);
        if (ready && bytes.isPresent()) {
            Secret secret = handle(name, checked);
            Secret.Cached before = secret.cached();
            if (before == null || !before.isMemoryOnly()) {
                try (var plaintext = Scratch.empty()) {
                    hydrate(secret, checked, before, plaintext);
                }
            }
        }
        event.commit();
        return bytes;
    }

    private Optional<byte[]> onHeap(SecretName name) {
        try (var plaintext = Scratch.empty()) {
            return store.read(name, plaintext)
                    .map(moment ->
                            plaintext.<byte[], RuntimeException>read(value -> value.toArray(ValueLayout.JAVA_BYTE)));
        }
    }

    /** Whether a value is stored under this name, on disk or in memory only. */
    public boolean contains(String name) {
        SecretName checked = SecretName.of(name);
        requireOpen();
        Secret known = secrets.get(name);
        return (known != null && known.isMemoryOnly() && known.isAlive()) || store.contains(checked);
    }

    /** Deletes a value durably, from memory and disk; false where there was none. */
    public boolean delete(String name) {
        SecretName checked = SecretName.of(name);
        requireOpen();
        Secret known = secrets.get(name);
        Secret.Cached before = known == null ? null : known.cached();
        boolean inMemory = known != null && known.isMemoryOnly() && known.isAlive();
        boolean deleted = store.delete(checked);
        dropDeleted(name, before);
        return deleted || inMemory;
    }

    /**
     * The names of all values, sorted, those in memory only included: as they are now, in a list that does not change and
     * takes 4 bytes each of the heap. Values whose name is damaged are left out, and counted in the log.
     */
    public List<String> list() {
        requireOpen();
        SecretStore.Names names = store.names(secrets.values().stream()
                .filter(secret -> secret.isMemoryOnly() && secret.isAlive())
                .map(Secret::name)
                .toList());
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
        requireOpen();
        SecretStore.Totals totals = store.totals();
        return new Stats(
                storageType(store.info().keys()),
                Stats.ENCRYPTION_TYPE,
                Stats.KEY_STRENGTH,
                isReady(),
                totals.items(),
                totals.bytes(),
                store.directory(),
                Instant.now());
    }

    /** A key that its provider keeps, in a token or in direct mode, or one that this process unwraps. */
    private static String storageType(KeyRecord keys) {
        return keys.provider().equals(Pkcs11Keys.TYPE) || keys.mode() == KeyMode.DIRECT
                ? Stats.HARDWARE
                : Stats.SOFTWARE;
    }

    /** The store's number for ever, 32 hexadecimal digits; not secret. */
    public String storeId() {
        return store.info().storeId();
    }

    /** What is in memory at present. In the degraded state only what buffers hold. */
    public MemoryUsage memoryUsage() {
        requireOpen();
        if (!isReady()) {
            return new MemoryUsage(
                    0,
                    0,
                    0,
                    0,
                    GuardedMemory.lockedBytes(),
                    GuardedMemory.unlockedBytes(),
                    MemoryUsage.Protection.NONE,
                    isHardened());
        }
        SealedCache.Usage usage = cache().usage();
        return new MemoryUsage(
                usage.items(),
                usage.valueBytes(),
                usage.sealedBytes(),
                usage.windowsInUse(),
                usage.lockedBytes() + GuardedMemory.lockedBytes(),
                usage.unlockedBytes() + GuardedMemory.unlockedBytes(),
                protection(usage.memoryKind()),
                isHardened());
    }

    private static MemoryUsage.Protection protection(int kind) {
        return switch (kind) {
            case SealedCache.MEMFD_SECRET -> MemoryUsage.Protection.MEMFD_SECRET;
            case SealedCache.LOCKED -> MemoryUsage.Protection.LOCKED;
            default -> MemoryUsage.Protection.UNLOCKED;
        };
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
        requireReady();
        try {
            store.keyChange().rotate(progress);
        } finally {
            Reference.reachabilityFence(this); // Nobody may take the store for forgotten.
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
        requireReady();
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
        requireReady();
        try {
            store.keyChange().abort(progress);
        } finally {
            Reference.reachabilityFence(this); // Nobody may take the store for forgotten.
        }
    }

    /**
     * A store that was copied or moved keeps the keys of before a change, outside of its folder, since the other copy may need them, and keeps
     * their names. This drops the names; the keys stay in their token.
     *
     * @return the keys, in words for people
     */
    public List<String> forgetOldKeys() {
        requireReady();
        try {
            return store.keyChange().forgetOld();
        } finally {
            Reference.reachabilityFence(this); // Nobody may take the store for forgotten.
        }
    }

    /**
     * Ends the detection of roll-backs, see {@link Builder#detectRollback}, and removes the records; nothing where there are
     * none.
     *
     * @throws MemGuardException {@link ErrorCode#STORE_FAILED} where the token or the disk fails: try again
     */
    public void endRollbackDetection() {
        requireReady();
        try {
            store.recording().end();
        } finally {
            Reference.reachabilityFence(this); // Nobody may take the store for forgotten.
        }
    }

    /** Forgets all values in memory, memory-only ones too; what is on disk is read again when it is needed. */
    public void cleanupMemory() {
        requireOpen();
        secrets.keySet().forEach(this::drop);
        if (cache != null) {
            Windows.trim();
        }
    }

    /**
     * Gives the cache up with all that is in it, memory-only secrets too, for instance before a checkpoint of the
     * process: until {@link #startCache} this behaves as in the degraded state, but for keys and plaintext, which stay
     * off the heap. Idempotent.
     */
    public synchronized void shutdownCache() {
        requireOpen();
        suspended = true;
        SealedCache ending = cache;
        cache = null;
        secrets.clear();
        if (ending != null) {
            ending.close();
        }
    }

    /** Begins with an empty cache after {@link #shutdownCache}; idempotent. */
    public synchronized void startCache() {
        requireOpen();
        suspended = false;
        if (cache == null && NativeLibraries.isLoaded()) {
            cache = SealedCache.create();
        }
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

    /**
     * Wipes all that is in memory and ends the use of the directory. Idempotent. Borrows under way end undisturbed. Waits a
     * few seconds for other operations under way; one that takes longer (it waits for another process, say) ends by itself,
     * and gives back then what it uses.
     */
    @Override
    public void close() {
        StackRoom.requireForCall();
        closed = true;
        sweeper.close();
        SealedCache ending = cache;
        if (ending != null) {
            ending.close();
        }
        store.close();
    }

    /** The cache of a reader; throws where there is none. */
    SealedCache cache() {
        SealedCache ready = cache;
        if (ready == null) {
            requireReady();
            ready = Objects.requireNonNull(cache);
        }
        return ready;
    }

    long generation(int stripe) {
        return store.generation(stripe);
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
        // A handle that outlived its secret follows the one that has its name now, and keeps no copy that nobody would
        // find.
        Secret current = secrets.computeIfAbsent(secret.name(), name -> secret);
        if (current != secret) {
            return current.read(use);
        }
        long window = outdated == null ? SealedCache.STALE : openRenewed(secret, outdated);
        if (window >= 0) {
            return SealedCache.lend(window, use);
        }
        try (var plaintext = Scratch.empty()) {
            if (!hydrate(secret, SecretName.of(secret.name()), outdated, plaintext)) {
                throw gone();
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
        var renewed = new Secret.Cached(before.cache(), before.handle(), moment.get(), now);
        return secret.renew(before, renewed) ? renewed.open() : SealedCache.STALE;
    }

    /**
     * Reads the value from disk, which is in the cache then unless another one was put there since; false where there is none.
     *
     * @param before what it takes the place of
     * @param plaintext gets it; the caller closes it
     */
    private boolean hydrate(Secret secret, SecretName name, Secret.@Nullable Cached before, Scratch plaintext) {
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
        Secret.Cached sealed = plaintext.read(segment -> seal(cache(), segment, moment.get(), now));
        try {
            // Into the table again, where it was deleted meanwhile: what is cached must be found to be given up.
            secrets.compute(secret.name(), (key, known) -> {
                Secret holder = known == null ? secret : known;
                holder.replace(holder == secret ? before : null, sealed);
                return holder;
            });
        } catch (Throwable failure) {
            Secret.giveUp(sealed);
            throw failure;
        }
        event.commit();
        return true;
    }

    /** @param now the tick before it became, or was known to be, the current value */
    private Secret.Cached seal(SealedCache target, MemorySegment plaintext, Moment moment, int now) {
        sweeper.startOrSweep(); // It has values looked at again, and gives up long windows that are not used any more.
        return new Secret.Cached(target, target.put(plaintext, Duration.ZERO, hydratedIdle), moment, now);
    }

    /** A number that changes twice a second: how long ago the file of a cached value was looked at. */
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
        if (same && sweeper.isTicking() && !store.isShared()) {
            value.seen(now);
        }
        return same;
    }

    /** For the sweeper. */
    void sweep() {
        tick = (tick + 1) & Integer.MAX_VALUE;
        SealedCache ready = cache;
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

    /** A value and its place in the table in one step: none is lost to whoever removes the secret at that moment. */
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

    private void drop(String name) {
        secrets.computeIfPresent(name, (key, known) -> {
            known.become(null);
            return null;
        });
    }

    /** Drops a secret whose value is gone, unless it has got another one meanwhile. */
    private void forget(Secret secret, Secret.@Nullable Cached last) {
        secrets.computeIfPresent(
                secret.name(), (key, known) -> known == secret && Objects.equals(known.cached(), last) ? null : known);
    }

    /** Whether the native cache can be used; looks once a second whether it can by now. */
    private boolean isReady() {
        return cache != null || recover();
    }

    private synchronized boolean recover() {
        if (cache == null && !closed && !suspended && System.nanoTime() - lastRecovery > RECOVERY_INTERVAL) {
            lastRecovery = System.nanoTime();
            if (NativeLibraries.retry()) {
                // From here on no plaintext passes over the heap any more, so the key must come by the native route.
                store.reopenKeys();
                cache = SealedCache.create();
                log().log(System.Logger.Level.INFO, "the native libraries are loaded again");
            }
        }
        return cache != null;
    }

    private void requireReady() {
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

    private void requireOpen() {
        StackRoom.requireForCall();
        if (closed) {
            throw isClosed();
        }
    }

    private static IllegalStateException isClosed() {
        return new IllegalStateException("this MemGuard is closed");
    }

    static void requireNative(MemorySegment value) {
        requireValue(value);
        Addresses.requireNative(value);
        if (value.byteSize() > SecretBuffer.MAX_SIZE) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a value is up to 1 GiB of native memory");
        }
    }

    static void requireValue(@Nullable Object value) {
        if (value == null) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a value is needed; an empty one is allowed");
        }
    }

    private static Duration positive(@Nullable Duration duration) {
        if (duration == null || TimeUnit.MILLISECONDS.convert(duration) <= 0) { // Forever has more than a long.
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "a time to live is at least a millisecond");
        }
        return duration;
    }

    private static MemGuardException gone() {
        return new MemGuardException(
                ErrorCode.RETRIEVE_FAILED,
                "there is no secret of this name; it was never stored, was deleted, or has expired");
    }

    /** Looked up when there is something to say: the first logger of a JVM takes as long as half an opening. */
    private static System.Logger log() {
        return System.getLogger(MemGuard.class.getName());
    }
}
