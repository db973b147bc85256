package io.memguard.os;

import java.io.IOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * How a virtual thread waits for another process's lock: {@code F_OFD_SETLKW} would block its carrier, and with a few of
 * those every virtual thread of the process. A short wait is a row of tries with growing pauses. After that a platform
 * thread waits in the kernel's queue in its place, so that no other process overtakes it forever. The lock belongs to the
 * open file, so it does not matter which thread takes it.
 */
final class LockWait {
    private static final long FIRST_PAUSE = TimeUnit.MICROSECONDS.toNanos(50);
    private static final long LONGEST_PAUSE = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long SHORT_WAIT = TimeUnit.MILLISECONDS.toNanos(10);

    /** Platform threads that wait at once; the other waits go on trying until one of them is done. */
    private static final Semaphore HELPERS = new Semaphore(64);

    private LockWait() {}

    static void lock(int descriptor, long start, long length) throws IOException {
        boolean interrupted = Thread.interrupted(); // A pause would not be one.
        try {
            long begin = System.nanoTime();
            long pause = FIRST_PAUSE;
            boolean helped = true;
            while (!Posix.lock(descriptor, start, length, false)) {
                boolean isLong = System.nanoTime() - begin > SHORT_WAIT;
                if (isLong && helped && HELPERS.tryAcquire()) {
                    try {
                        if (lockByHelper(descriptor, start, length)) {
                            return;
                        }
                    } finally {
                        HELPERS.release();
                    }
                    helped = false; // No thread can be started: go on trying.
                }
                LockSupport.parkNanos(pause);
                interrupted |= Thread.interrupted();
                pause = Math.min(2 * pause, LONGEST_PAUSE);
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** False where no thread can be started; an interrupt must not leave a thread behind that takes the lock later. */
    private static boolean lockByHelper(int descriptor, long start, long length) throws IOException {
        var failure = new AtomicReference<@Nullable Throwable>();
        Thread helper = HelperThread.start("memguard-lock", () -> {
            try {
                Posix.waitForLock(descriptor, start, length);
            } catch (Throwable e) {
                failure.set(e);
            }
        });
        if (helper == null) {
            return false;
        }
        HelperThread.join(helper);
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
        return true;
    }
}
