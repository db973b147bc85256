package io.memguard.memory;

import io.memguard.Borrower;
import io.memguard.os.NativeAccess;
import io.memguard.os.SharedLock;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * One guarded allocation: guard pages on both sides, locked, without access while no thread uses it. A segment is lent under an arena of its own that is closed before the pages lose access, so that a
 * leaked segment throws instead of killing the JVM.
 */
public final class GuardedMemory implements AutoCloseable {
    private static final Duration POLITENESS = Duration.ofMillis(5); // Most uses are much shorter.

    private static final AtomicLong LOCKED = new AtomicLong();
    private static final AtomicLong UNLOCKED = new AtomicLong();

    private final Pages.Block block;
    private final MemorySegment memory;
    private final long charged;
    private final boolean locked;

    // Readers share, a writer is alone; the monitor guards the three fields below and the protection of the pages.
    private final SharedLock access = new SharedLock(POLITENESS);
    private final Object monitor = new Object();
    private int users;
    private boolean closed;
    private boolean freed;

    private GuardedMemory(Pages.Block block, long charged, boolean locked) {
        this.block = block;
        this.memory = block.memory();
        this.charged = charged;
        this.locked = locked;
    }

    /**
     * Allocates zeroed memory.
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR where the limit of locked memory is reached, unless the process accepts that
     */
    public static GuardedMemory allocate(long size) {
        NativeAccess.require();
        StackRoom.require();
        Pages pages = Pages.current();
        long charged = pages.locked(size);
        Pages.Block block = pages.allocate(size);
        if (block == null) {
            throw LockedMemory.exhausted(charged);
        }
        try {
            int error = block.lock();
            if (error != 0 && LockedMemory.isRequired()) {
                throw LockedMemory.refused(error, charged);
            }
            block.memory().fill((byte) 0);
            var made = new GuardedMemory(block, charged, error == 0);
            block.protect(Pages.Access.NONE);
            (made.locked ? LOCKED : UNLOCKED).addAndGet(charged);
            return made;
        } catch (Throwable failure) {
            block.free();
            throw failure;
        }
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
        StackRoom.require();
        var reader = new SharedLock.Use();
        access.share(reader);
        try {
            return lend(use, false);
        } finally {
            access.giveBack(reader);
        }
    }

    /** Lends it for writing, to one thread alone. */
    public <R extends @Nullable Object, X extends Throwable> R write(Borrower<R, X> use) throws X {
        StackRoom.require();
        var writer = new SharedLock.Use();
        if (!access.takeAlone(writer)) {
            throw new IllegalStateException("a buffer can't be written inside a read of the same buffer");
        }
        try {
            return lend(use, true);
        } finally {
            access.giveBack(writer);
        }
    }

    private <R extends @Nullable Object, X extends Throwable> R lend(Borrower<R, X> use, boolean write) throws X {
        R result;
        enter(write ? Pages.Access.READ_WRITE : Pages.Access.READ);
        try (var arena = Arena.ofConfined()) {
            var lent = memory.reinterpret(arena, null);
            result = use.use(write ? lent : lent.asReadOnly());
        } catch (Throwable failure) {
            leave(); // What the callback threw is worth more than that the pages stayed open.
            throw failure;
        }
        if (!leave()) {
            throw LockedMemory.protectionFailed();
        }
        return result;
    }

    /** Counts a user only when the pages are open to it: else the next one would find them counted, and closed. */
    private void enter(Pages.Access needed) {
        synchronized (monitor) {
            if (closed) {
                throw new IllegalStateException("this secret is closed; its memory is wiped");
            }
            if (users == 0 && !block.protect(needed)) {
                throw LockedMemory.protectionFailed();
            }
            users++;
        }
    }

    /** False where the pages could not be closed; they are at the next use. */
    private boolean leave() {
        synchronized (monitor) {
            if (--users > 0) {
                return true;
            }
            if (closed) {
                free();
                return true;
            }
            return block.protect(Pages.Access.NONE);
        }
    }

    /** Wipes and frees, or lets the last user do it. Idempotent; where an error keeps it from that, the next call does it. */
    @Override
    public void close() {
        synchronized (monitor) {
            closed = true;
            if (users == 0 && !freed) {
                StackRoom.require();
                free();
            }
        }
    }

    private void free() {
        block.free();
        freed = true;
        (locked ? LOCKED : UNLOCKED).addAndGet(-charged);
    }
}
