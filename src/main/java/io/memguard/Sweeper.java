package io.memguard;

import java.lang.ref.WeakReference;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Removes expired values in the background; started with the first value that can expire, ended with the store.
 *
 * <p>The thread does not keep a store that somebody forgot to close: it ends when that is collected, so that the classes of
 * an application that a container has unloaded can go.
 */
final class Sweeper implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);

    private final WeakReference<MemGuard> store;
    private @Nullable Thread thread;

    Sweeper(MemGuard store) {
        this.store = new WeakReference<>(store);
    }

    synchronized void start() {
        if (thread == null) {
            WeakReference<MemGuard> swept = store; // Not this, which the store has.
            thread = Thread.ofPlatform().daemon().name("memguard-sweeper").start(() -> run(swept));
        }
    }

    private static void run(WeakReference<MemGuard> store) {
        try {
            do {
                Thread.sleep(INTERVAL);
            } while (sweep(store));
        } catch (InterruptedException e) {
            // Closed.
        }
    }

    private static boolean sweep(WeakReference<MemGuard> store) {
        MemGuard current = store.get();
        if (current != null) {
            current.sweep();
        }
        return current != null;
    }

    /** The thread has ended when it returns; a container would report it otherwise. */
    @Override
    public synchronized void close() {
        if (thread == null || thread == Thread.currentThread()) {
            return;
        }
        thread.interrupt();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
