package io.memguard;

import io.memguard.events.KeyInvalidEvent;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.SealedCache;
import io.memguard.os.NativeAccess;
import io.memguard.storage.StorageProvider;
import io.memguard.storage.directory.DirectoryAccess;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.StoreOpener;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** How to open a store, see {@link MemGuard#at}; not thread-safe. */
public final class MemGuardBuilder {
    private final Function<DirectoryAccess, StorageProvider> place;
    private @Nullable KeyProvider provider;
    private OpenMode mode = OpenMode.OPEN_OR_CREATE;
    private MemoryPolicy policy = MemoryPolicy.REQUIRE_LOCKED;
    private @Nullable Duration wait;
    private Duration hydratedIdle = Duration.ZERO;
    private boolean degraded;
    private @Nullable RollbackRecords records;
    private boolean group;
    private boolean sharedFileSystem;

    MemGuardBuilder(Path directory) {
        Objects.requireNonNull(directory);
        this.place = access -> new DirectoryStorageProvider(directory, access);
    }

    MemGuardBuilder(StorageProvider storage) {
        Objects.requireNonNull(storage);
        this.place = access -> storage;
    }

    /** The key provider; required. It is closed together with the store. */
    public MemGuardBuilder keys(KeyProvider keyProvider) {
        this.provider = Objects.requireNonNull(keyProvider);
        return this;
    }

    /** Whether a store may be made; {@link OpenMode#OPEN_OR_CREATE} unless said otherwise. */
    public MemGuardBuilder mode(OpenMode openMode) {
        this.mode = Objects.requireNonNull(openMode);
        return this;
    }

    /**
     * What to do where memory can't be locked; {@link MemoryPolicy#REQUIRE_LOCKED} unless said otherwise. What is allowed is
     * allowed for the whole process, see {@link ProcessProtection}.
     */
    public MemGuardBuilder policy(MemoryPolicy memoryPolicy) {
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
    public MemGuardBuilder lockedMemoryWait(Duration longest) {
        this.wait = ProcessProtection.checkedWait(longest);
        return this;
    }

    /** How long a value from disk stays in the cache without use; forever unless said otherwise. */
    public MemGuardBuilder cacheIdle(Duration idle) {
        this.hydratedIdle = Arguments.positive(idle);
        return this;
    }

    /**
     * Detects files of an earlier time that were put back, one or all: records of the present state of each are kept
     * outside of the directory, in a token ({@link io.memguard.keys.pkcs11.Pkcs11Records}). A new store keeps them from
     * the beginning, an existing one since {@link #trustCurrentState}. Every process that opens the store has to say
     * where they are; a process that does not say so gets {@link ErrorCode#SECURITY_ERROR}; so does a read, {@code contains} or an
     * opening that finds an earlier state, or a file missing. Each store and delete writes to the token twice, each read
     * from disk asks it once; reads from the cache don't.
     *
     * @param where closed with the store
     */
    public MemGuardBuilder detectRollback(RollbackRecords where) {
        this.records = Objects.requireNonNull(where);
        return this;
    }

    /**
     * Opens the store whatever its state, records that state as the right one, and closes it: to begin the detection of
     * rollbacks, or after a backup was restored on purpose. No other process may read or write during it.
     *
     * @return how many secrets were recorded otherwise before: changed, missing or put back
     * @throws MemGuardException as by {@link #open}; {@link ErrorCode#STORE_FAILED} where the token fails: try again
     */
    public long trustCurrentState(Progress progress) {
        if (records == null) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "call detectRollback(...) before");
        }
        mode = OpenMode.EXISTING;
        try (var guard = open(true)) {
            return guard.trustCurrentState(progress);
        }
    }

    /**
     * Opens the store also where a group has access to its directory (mode 2770), as Kubernetes makes it for a volume with
     * {@code fsGroup}. What it costs: every member of that group can delete the store, put an earlier state in its place,
     * or read which files there are; none can read or change a value without the key.
     */
    public MemGuardBuilder allowGroupAccess() {
        this.group = true;
        return this;
    }

    /**
     * Opens the store also on a network or FUSE file system (NFS, SMB, CephFS, 9p, virtiofs, bindfs ...), whose mounts
     * don't share a page cache. What it costs: each read looks at the file, which is a question to the server, since
     * another host's changes can't be seen in memory. Only one host may change keys at a time, and only where the file
     * system keeps locks of all hosts apart (NFSv4 does, two bindfs mounts don't).
     */
    public MemGuardBuilder allowSharedFileSystem() {
        this.sharedFileSystem = true;
        return this;
    }

    /** Opens also where the native libraries can't be loaded; see {@link MemGuard} for the degraded state. */
    public MemGuardBuilder allowDegraded() {
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
            if (policy == MemoryPolicy.BEST_EFFORT) {
                ProcessProtection.allowUnlocked();
            }
            if (wait != null) {
                ProcessProtection.waitForLockedMemory(wait);
            }
            if (degraded) {
                ProcessProtection.allowHeapFallback();
            }
            if (!degraded || NativeLibraries.isLoaded()) {
                cache = SealedCache.create();
            } else {
                MemGuard.log().log(
                        System.Logger.Level.WARNING,
                        "degraded: {0}",
                        NativeLibraries.failure().orElse(""));
            }
            var access = new DirectoryAccess(mode == OpenMode.READ_ONLY, group, sharedFileSystem);
            var store = StoreOpener.open(place.apply(access), mode, keys, records, accepting);
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
