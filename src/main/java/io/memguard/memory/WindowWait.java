package io.memguard.memory;

import static io.memguard.ffi.cache.CacheLibrary.*;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * Waits for a window while all locked memory is lent, instead of failing at the first short rush. A nested borrow that can
 * never succeed ends after it, too.
 */
final class WindowWait {
    private static final long LONGEST_PAUSE = TimeUnit.MILLISECONDS.toNanos(2);

    private WindowWait() {}

    /** Calls until it gets a window (or a stale handle), waiting in Java so that a virtual thread frees its carrier. */
    static long retry(LongSupplier call, long need) {
        long window = call.getAsLong();
        return mayPass(window) ? waitFor(call, need) : checked(window, need);
    }

    private static long waitFor(LongSupplier call, long need) {
        long deadline = System.nanoTime() + LockedMemory.patience();
        long pause = TimeUnit.MICROSECONDS.toNanos(20);
        while (true) {
            LockSupport.parkNanos(pause);
            long window = call.getAsLong();
            if (!mayPass(window)
                    || System.nanoTime() - deadline > 0
                    || Thread.currentThread().isInterrupted()) {
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
