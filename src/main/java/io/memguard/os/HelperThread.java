package io.memguard.os;

import org.jspecify.annotations.Nullable;

/** Platform threads that speed a call up or wait in its place, and that it does without where none can be started. */
public final class HelperThread {
    private HelperThread() {}

    /** A daemon that runs this; null where the system gives no thread (a limit of processes, memory). */
    public static @Nullable Thread start(String name, Runnable task) {
        try {
            return Thread.ofPlatform().daemon().name(name).start(task);
        } catch (OutOfMemoryError e) { // "unable to create native thread"
            return null;
        }
    }

    /** Waits for its end, whatever interrupts that; the interrupt is passed on afterwards. */
    public static void join(Thread thread) {
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
