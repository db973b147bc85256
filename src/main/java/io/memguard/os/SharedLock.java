package io.memguard.os;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Many threads share it, or one has it alone. Reentrant. Taking it and giving it back needs no memory of the heap, where no
 * other thread is at it in that moment; where one is, a ReentrantLock and its Condition go on without (they spin), whereas a
 * ReentrantReadWriteLock that gets none stays locked for good. No monitor: before JDK 24 a virtual thread that waits for one
 * keeps its carrier.
 *
 * <p>Threads that share wait only for some time for one that wants it alone: it may wait for what they hold already, so that
 * two threads that read two things in opposite orders would wait in a circle with two writers.
 */
public final class SharedLock {
    private final long polite;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private @Nullable Use sharing;
    private @Nullable Thread owner;
    private int depth;
    private int waiting; // to have it alone

    /**
     * A lock.
     *
     * @param politeness how long threads that share it let one go first that wants it alone
     */
    public SharedLock(Duration politeness) {
        this.polite = politeness.toNanos();
    }

    /** One use: made before the lock is taken. */
    public static final class Use {
        private final Thread thread = Thread.currentThread();
        private boolean alone;
        private @Nullable Use before;
        private @Nullable Use after;
    }

    /** Waits until no other thread has it alone. */
    public void share(Use use) {
        boolean interrupted = false;
        lock.lock();
        try {
            if (owner != use.thread) {
                long begin = waiting > 0 && !isSharedBy(use.thread) ? System.nanoTime() : 0;
                while (owner != null || (begin != 0 && waiting > 0 && System.nanoTime() - begin < polite)) {
                    interrupted |= pause(owner != null ? 0 : 1);
                }
            }
            use.after = sharing;
            if (sharing != null) {
                sharing.before = use;
            }
            sharing = use;
        } finally {
            lock.unlock();
        }
        restore(interrupted);
    }

    /**
     * Waits until no other thread has it at all.
     *
     * @return false where this thread shares it, and would wait for itself
     */
    public boolean takeAlone(Use use) {
        return takeAlone(use, Long.MAX_VALUE);
    }

    /**
     * The same for a limited time.
     *
     * @return false where it is still used after so many nanoseconds, too
     */
    public boolean takeAlone(Use use, long nanoseconds) {
        boolean interrupted = false;
        boolean taken;
        lock.lock();
        try {
            if (owner != use.thread && isSharedBy(use.thread)) {
                return false;
            }
            long begin = System.nanoTime();
            waiting++;
            try {
                while (!isFree(use.thread) && System.nanoTime() - begin < nanoseconds) {
                    interrupted |= pause(nanoseconds == Long.MAX_VALUE ? 0 : 5);
                }
                taken = isFree(use.thread);
                if (taken) {
                    owner = use.thread;
                    depth++;
                    use.alone = true;
                }
            } finally {
                waiting--;
            }
        } finally {
            lock.unlock();
        }
        restore(interrupted);
        return taken;
    }

    /** Gives it back, by the thread that made the use. */
    public void giveBack(Use use) {
        lock.lock();
        try {
            if (use.alone ? --depth == 0 : unlink(use)) {
                owner = null;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Whether no thread shares it from now on. */
    private boolean unlink(Use use) {
        if (use.before == null) {
            sharing = use.after;
        } else {
            use.before.after = use.after;
        }
        if (use.after != null) {
            use.after.before = use.before;
        }
        return sharing == null && owner == null;
    }

    /** How many uses there are at this moment. */
    public int uses() {
        lock.lock();
        try {
            int count = depth;
            for (Use use = sharing; use != null; use = use.after) {
                count++;
            }
            return count;
        } finally {
            lock.unlock();
        }
    }

    private boolean isFree(Thread thread) {
        return owner == thread || (owner == null && sharing == null);
    }

    private boolean isSharedBy(Thread thread) {
        for (Use use = sharing; use != null; use = use.after) {
            if (use.thread == thread) {
                return true;
            }
        }
        return false;
    }

    /** Zero for as long as it takes; true where the thread was interrupted. */
    @SuppressWarnings({"WaitNotInLoop", "ResultOfMethodCallIgnored"}) // The callers loop.
    private boolean pause(long milliseconds) {
        try {
            if (milliseconds == 0) {
                changed.await();
            } else {
                changed.await(milliseconds, TimeUnit.MILLISECONDS);
            }
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }

    private static void restore(boolean interrupted) {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
