package io.memguard.memory;

import io.memguard.Borrower;
import io.memguard.os.NativeAccess;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * One guarded allocation: guard pages on both sides, locked, without access while nobody uses it. A segment is lent under an arena of its own that is closed before the pages lose access, so that a
 * leaked segment throws instead of killing the JVM.
 */
public final class GuardedMemory implements AutoCloseable {
    private static final AtomicLong LOCKED = new AtomicLong();
    private static final AtomicLong UNLOCKED = new AtomicLong();

    private final Pages pages;
    private final MemorySegment memory;
    private final boolean locked;

    // Readers share, a writer is alone; the monitor guards the three fields below and the protection of the pages.
    private final ReentrantReadWriteLock access = new ReentrantReadWriteLock();
    private final Object monitor = new Object();
    private int users;
    private boolean closed;

    private GuardedMemory(Pages pages, MemorySegment memory, boolean locked) {
        this.pages = pages;
        this.memory = memory;
        this.locked = locked;
    }

    /**
     * Allocates zeros.
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR where the limit of locked memory is reached, unless the process accepts that
     */
    public static GuardedMemory allocate(long size) {
        NativeAccess.require();
        Pages pages = Pages.current();
        MemorySegment memory = pages.allocate(size);
        if (memory.equals(MemorySegment.NULL)) {
            throw LockedMemory.exhausted(pages.locked(size));
        }
        boolean locked = pages.lock(memory);
        if (!locked && LockedMemory.isRequired()) {
            pages.free(memory);
            throw LockedMemory.exhausted(pages.locked(size));
        }
        (locked ? LOCKED : UNLOCKED).addAndGet(pages.locked(size));
        memory.fill((byte) 0);
        pages.protect(memory, Pages.Access.NONE);
        return new GuardedMemory(pages, memory, locked);
    }

    /** Bytes of this kind of memory that are locked at present, whole pages. */
    public static long lockedBytes() {
        return LOCKED.get();
    }

    /** Bytes that a policy of best effort left unlocked. */
    public static long unlockedBytes() {
        return UNLOCKED.get();
    }

    /** Compares in time that depends only on the two lengths. */
    public static boolean equal(MemorySegment a, MemorySegment b) {
        if (NativeLibraries.isLoaded()) {
            return Sodium.equal(a, b);
        }
        byte difference = 0;
        for (long i = 0; i < Math.min(a.byteSize(), b.byteSize()); i++) {
            difference |= (byte) (a.get(ValueLayout.JAVA_BYTE, i) ^ b.get(ValueLayout.JAVA_BYTE, i));
        }
        return difference == 0 && a.byteSize() == b.byteSize();
    }

    /** The length in bytes. */
    public long size() {
        return memory.byteSize();
    }

    /** Lends it read-only; any number of threads at once. */
    public <R extends @Nullable Object, X extends Throwable> R read(Borrower<R, X> use) throws X {
        access.readLock().lock();
        try {
            return lend(use, false);
        } finally {
            access.readLock().unlock();
        }
    }

    /** Lends it for writing, to one thread alone. */
    public <R extends @Nullable Object, X extends Throwable> R write(Borrower<R, X> use) throws X {
        if (access.getReadHoldCount() > 0 && !access.isWriteLockedByCurrentThread()) {
            throw new IllegalStateException("a buffer can't be written inside a read of the same buffer");
        }
        access.writeLock().lock();
        try {
            return lend(use, true);
        } finally {
            access.writeLock().unlock();
        }
    }

    private <R extends @Nullable Object, X extends Throwable> R lend(Borrower<R, X> use, boolean write) throws X {
        enter(write);
        try (var arena = Arena.ofConfined()) {
            var lent = memory.reinterpret(arena, null);
            return use.use(write ? lent : lent.asReadOnly());
        } finally {
            leave();
        }
    }

    private void enter(boolean write) {
        synchronized (monitor) {
            if (closed) {
                throw new IllegalStateException("this secret is closed; its memory is wiped");
            }
            if (users++ == 0) {
                protect(write ? Pages.Access.READ_WRITE : Pages.Access.READ);
            }
        }
    }

    private void leave() {
        synchronized (monitor) {
            if (--users > 0) {
                return;
            }
            if (closed) {
                free();
            } else {
                protect(Pages.Access.NONE);
            }
        }
    }

    /** Wipes and frees, or lets the last user do it. Idempotent. */
    @Override
    public void close() {
        synchronized (monitor) {
            if (!closed) {
                closed = true;
                if (users == 0) {
                    free();
                }
            }
        }
    }

    private void free() {
        (locked ? LOCKED : UNLOCKED).addAndGet(-pages.locked(memory.byteSize()));
        pages.free(memory);
    }

    private void protect(Pages.Access access) {
        if (!pages.protect(memory, access)) {
            throw LockedMemory.protectionFailed();
        }
    }
}
