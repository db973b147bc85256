package io.memguard;

import io.memguard.os.HelperThread;
import java.lang.ref.WeakReference;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Removes expired values in the background, and has cached ones compared with their files; started with the first value,
 * ended with the store. Where no thread can be started, callers sweep now and then.
 *
 * <p>The thread does not keep a store that a program forgot to close: it ends when that is collected, so that the classes of
 * an application that a container has unloaded can go.
 */
final class Sweeper implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);

    private final WeakReference<SecretCache> secrets;
    private volatile @Nullable Thread thread;
    private boolean closed;
    private long lastSweep = System.nanoTime();

    Sweeper(SecretCache secrets) {
        this.secrets = new WeakReference<>(secrets);
    }

    /** Starts the thread; without one, sweeps here where that was not done for a while. */
    void startOrSweep() {
        if (thread == null && !start() && isTimeToSweep()) {
            sweep(secrets);
        }
    }

    /** Whether there is a thread that calls {@link SecretCache#sweep} twice a second. */
    boolean isTicking() {
        return thread != null;
    }

    private synchronized boolean start() {
        if (thread == null && !closed) {
            WeakReference<SecretCache> swept = secrets; // Not this, which the store has.
            thread = HelperThread.start("memguard-sweeper", () -> run(swept));
        }
        return thread != null;
    }

    private synchronized boolean isTimeToSweep() {
        long now = System.nanoTime();
        boolean isTime = !closed && now - lastSweep > INTERVAL.toNanos();
        lastSweep = isTime ? now : lastSweep;
        return isTime;
    }

    private static void run(WeakReference<SecretCache> secrets) {
        try {
            // At once, too: it loads what a class loader that was stopped does not load any more.
            while (sweepIfPossible(secrets)) {
                Thread.sleep(INTERVAL);
            }
        } catch (InterruptedException e) {
            // Closed.
        } catch (LinkageError e) {
            // The application was unloaded, and its classes can't be loaded any more: no thread uses this store.
        }
    }

    /** A full heap is no reason to end: the next time it may have room. */
    private static boolean sweepIfPossible(WeakReference<SecretCache> secrets) {
        try {
            return sweep(secrets);
        } catch (OutOfMemoryError e) {
            return true;
        }
    }

    private static boolean sweep(WeakReference<SecretCache> secrets) {
        SecretCache current = secrets.get();
        if (current != null) {
            current.sweep();
        }
        return current != null;
    }

    /** The thread has ended when it returns; a container would report it otherwise. */
    @Override
    public void close() {
        Thread ending;
        synchronized (this) {
            closed = true;
            ending = thread;
        }
        if (ending != null && ending != Thread.currentThread()) {
            ending.interrupt();
            HelperThread.join(ending);
        }
    }
}
