package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.Borrower;
import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.gen.cache.MgUsage;
import io.memguard.os.Forgotten;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Values sealed in ordinary memory under the process key; opened one at a time into a window.
 *
 * <p>Thread-safe. A handle that was removed or has expired is {@link #STALE}, never another value. Borrows that are under
 * way when the cache closes end as if it were open.
 */
public final class SealedCache implements AutoCloseable {
    /** What {@link #open} returns for a handle without a value. */
    public static final long STALE = -2;

    /** {@link Usage#memoryKind}: pages that only this process can map. */
    public static final int MEMFD_SECRET = 1;

    /** {@link Usage#memoryKind}: locked pages. */
    public static final int LOCKED = 2;

    /** System property: {@code false} keeps the key out of memfd_secret memory, which forbids hibernation while in use. */
    public static final String MEMFD_SECRET_PROPERTY = "memguard.memfd_secret";

    private static final int MOST = 1024; // CACHES of the native library, which says that it has no room for more

    private static boolean linked; // Set once; a thread that does not see it yet does it again.

    private final long cache;

    private final Runnable closing;

    private SealedCache(long cache, boolean watched) {
        this.cache = cache;
        mg_cache_free$address(); // Loads the class that calls it: a class loader that was stopped loads none any more.
        Runnable free = () -> mg_cache_free(cache);
        this.closing = watched ? Forgotten.watch(this, free) : free;
    }

    /** A new, empty cache; freed when it was closed or forgotten. */
    public static SealedCache create() {
        return create(true);
    }

    /** For a static field: if it were watched, the thread that watches would hold this class, and its loader, forever. */
    static SealedCache createForProcess() {
        return create(false);
    }

    private static SealedCache create(boolean watched) {
        init();
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(ValueLayout.JAVA_LONG);
            int status = mg_cache_new(flags(), out);
            if (status == MG_ERR_OUT_OF_MEMORY()) {
                throw new MemGuardException(
                        ErrorCode.SECURITY_ERROR,
                        MOST + " stores are open in this process, which is the most there may be; close some first");
            }
            NativeStatus.check(status);
            return new SealedCache(out.get(ValueLayout.JAVA_LONG, 0), watched);
        }
    }

    /** Makes the process key where there is none yet. */
    static void init() {
        NativeLibraries.require();
        long status = mg_init(flags());
        if (status < 0) {
            throw NativeStatus.failure(status, 4096);
        }
    }

    static int flags() {
        int flags = LockedMemory.isRequired() ? 0 : MG_BEST_EFFORT();
        return System.getProperty(MEMFD_SECRET_PROPERTY, "true").equals("false") ? flags | MG_NO_MEMFD_SECRET() : flags;
    }

    /**
     * Seals a copy of a native segment; the original stays the caller's to wipe.
     *
     * @param lifetime how long it lives; zero: as long as the cache
     * @param idle how long it lives after its last use; zero: no matter
     * @return its handle
     */
    public long put(MemorySegment value, Duration lifetime, Duration idle) {
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(ValueLayout.JAVA_LONG);
            int status = mg_put(
                    cache,
                    value,
                    value.byteSize(),
                    TimeUnit.MILLISECONDS.convert(lifetime),
                    TimeUnit.MILLISECONDS.convert(idle),
                    out);
            if (status == STALE) {
                throw new IllegalStateException("this cache is closed");
            }
            NativeStatus.check(status);
            return out.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    /** Removes a value; false where there is none. */
    public boolean remove(long handle) {
        int status = mg_remove(cache, handle);
        if (status != STALE) {
            NativeStatus.check(status);
        }
        return status != STALE;
    }

    /** What native operations on its values take. */
    long number() {
        return cache;
    }

    /** Whether a value is there and has not expired; does not count as a use of it. */
    public boolean contains(long handle) {
        return mg_length(cache, handle) >= 0;
    }

    /** The length of a value in bytes; 0 where there is none. */
    int length(long handle) {
        return (int) Math.max(0, mg_length(cache, handle));
    }

    /** Opens a value into a window, to be passed to {@link #lend} at once; or {@link #STALE}. */
    public long open(long handle) {
        if (!linked) {
            link();
        }
        long window = mg_borrow(cache, handle);
        return window >= 0 ? window : openSlowly(handle, window);
    }

    private static void link() {
        StackRoom.requireForLinking();
        Windows.link();
        mg_borrow(0, 0);
        linked = true;
    }

    private long openSlowly(long handle, long status) {
        if (status == STALE) {
            return STALE;
        }
        return WindowBackoff.retry(() -> mg_borrow(cache, handle), Math.max(0, mg_length(cache, handle)));
    }

    /** Lends a window that {@link #open} returned, and wipes it afterwards. */
    public static <R extends @Nullable Object, X extends Throwable> R lend(long window, Borrower<R, X> use) throws X {
        return Windows.lend(window, use);
    }

    /** Removes whatever has expired; returns how much that was. */
    public long sweep() {
        long removed = mg_sweep(cache);
        return removed == STALE ? 0 : NativeStatus.check(removed);
    }

    /** Removes all values. */
    public void clear() {
        NativeStatus.check(mg_cache_clear(cache));
    }

    /** The figures of this cache and of the process's windows. */
    public Usage usage() {
        try (var arena = Arena.ofConfined()) {
            var usage = MgUsage.allocate(arena);
            NativeStatus.check(mg_usage(cache, usage));
            return new Usage(
                    MgUsage.items(usage),
                    MgUsage.value_bytes(usage),
                    MgUsage.sealed_bytes(usage),
                    MgUsage.windows_in_use(usage),
                    MgUsage.locked_bytes(usage),
                    MgUsage.unlocked_bytes(usage),
                    (int) MgUsage.memory_kind(usage));
        }
    }

    /** Wipes and frees all values; idempotent. */
    @Override
    public void close() {
        closing.run();
    }

    /**
     * Figures at one moment.
     *
     * @param items values in this cache
     * @param valueBytes their plaintext lengths together
     * @param sealedBytes ordinary memory that they take
     * @param windowsInUse windows lent at present, in the whole process
     * @param lockedBytes locked memory of the native library, in the whole process
     * @param unlockedBytes protected memory that is not locked, by choice
     * @param memoryKind of the process key: {@link #MEMFD_SECRET}, {@link #LOCKED}, or 3 unlocked
     */
    public record Usage(
            long items,
            long valueBytes,
            long sealedBytes,
            long windowsInUse,
            long lockedBytes,
            long unlockedBytes,
            int memoryKind) {}
}
