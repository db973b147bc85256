package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * Waits for a window while all locked memory is lent, instead of failing at the first rush: as long as others that wait get
 * theirs, its turn will come. A nested borrow that can never succeed ends after it, too.
 */
final class WindowBackoff {
    private static final long FIRST_PAUSE = TimeUnit.MICROSECONDS.toNanos(20);
    private static final long LONGEST_PAUSE = TimeUnit.MILLISECONDS.toNanos(2);

    private static final ConcurrentLinkedQueue<Thread> WAITING = new ConcurrentLinkedQueue<>();
    private static final AtomicInteger SERVED = new AtomicInteger();
    private static volatile boolean crowded;

    private WindowBackoff() {}

    /** Calls until it gets a window (or a stale handle), waiting in Java so that a virtual thread frees its carrier. */
    static long retry(LongSupplier call, long need) {
        long window = call.getAsLong();
        return mayPass(window) ? waitFor(call, need) : checked(window, need);
    }

    /** After a window was given back: the one that has waited longest tries before this thread does again. */
    static void letOthersGo() {
        if (crowded) {
            LockSupport.unpark(WAITING.peek());
            LockSupport.parkNanos(FIRST_PAUSE);
        }
    }

    private static long waitFor(LongSupplier call, long need) {
        Thread thread = Thread.currentThread();
        WAITING.add(thread);
        crowded = true;
        try {
            return poll(call, need, thread);
        } finally {
            WAITING.remove(thread);
            crowded = !WAITING.isEmpty(); // Where that misses one that comes now, its next look at the clock will do.
        }
    }

    private static long poll(LongSupplier call, long need, Thread thread) {
        long begin = System.nanoTime();
        long progress = begin;
        int served = SERVED.get();
        long pause = FIRST_PAUSE;
        while (true) {
            LockSupport.parkNanos(pause);
            long window = call.getAsLong();
            if (!mayPass(window)) {
                SERVED.incrementAndGet();
                return checked(window, need);
            }
            long now = System.nanoTime();
            if (served != SERVED.get()) {
                served = SERVED.get();
                progress = now;
            }
            if (now - progress > LockedMemory.windowTimeoutNanos()
                    || now - begin > LockedMemory.longestWait()
                    || thread.isInterrupted()) {
                return checked(window, need);
            }
            pause = Math.min(pause * 2, LONGEST_PAUSE);
        }
    }

    private static boolean mayPass(long status) {
        return status == MG_ERR_LOCKED_MEMORY() || status == MG_ERR_NO_WINDOW();
    }

    private static long checked(long status, long need) {
        if (status < 0 && status != MG_ERR_STALE_HANDLE()) {
            throw NativeStatus.failure(status, (need + 4095) / 4096 * 4096);
        }
        return status;
    }
}
