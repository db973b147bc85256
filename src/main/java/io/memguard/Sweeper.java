package io.memguard;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Removes expired values in the background; started with the first value that can expire, ended with the store. */
final class Sweeper implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);

    private final Runnable sweep;
    private @Nullable Thread thread;

    Sweeper(Runnable sweep) {
        this.sweep = sweep;
    }

    synchronized void start() {
        if (thread == null) {
            thread = Thread.ofPlatform().daemon().name("memguard-sweeper").start(this::run);
        }
    }

    private void run() {
        try {
            while (true) {
                Thread.sleep(INTERVAL);
                sweep.run();
            }
        } catch (InterruptedException e) {
            // Closed.
        }
    }

    @Override
    public synchronized void close() {
        if (thread != null) {
            thread.interrupt();
        }
    }
}
