package io.memguard.store;

import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.IntStream;

/**
 * Locks per secret: first among the threads here, then among processes by one byte of the lock file. The kernel frees a
 * killed process's bytes. Readers of hot values never come here.
 */
final class StoreLocks implements AutoCloseable {
    static final int STRIPES = 1 << 16;

    private static final int THREAD_LOCKS = 1 << 10;

    private static final int UNLOCK_ATTEMPTS = 3;

    /** So many stripes are locked each by itself. */
    private static final int SEPARATE = 32;

    /** The byte behind those of the stripes: held during a key change. */
    private static final long CHANGE = STRIPES;

    /** How long a key change waits for another one. */
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(2);

    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(20);

    private final Path name;
    private final int descriptor;
    private final ReentrantReadWriteLock store = new ReentrantReadWriteLock();
    private final ReentrantLock[] stripes = new ReentrantLock[THREAD_LOCKS];
    private final ReentrantLock change = new ReentrantLock();
    private volatile boolean closed;
    private boolean released;

    StoreLocks(StoreLayout layout) throws IOException {
        this.name = layout.lockName();
        for (int i = 0; i < THREAD_LOCKS; i++) {
            stripes[i] = new ReentrantLock();
        }
        descriptor = Posix.openOrCreate(layout.lock());
        DurableFile.giveToOwnerOf(layout.directory(), descriptor, layout.lock());
    }

    /** Work under a lock. */
    @FunctionalInterface
    interface Task<T extends @org.jspecify.annotations.Nullable Object> {
        T run() throws IOException;
    }

    /** Runs alone among all threads and processes that use the same stripe. */
    <T extends @org.jspecify.annotations.Nullable Object> T locked(int stripe, Task<T> task) throws IOException {
        return locked(new int[] {stripe}, task);
    }

    /**
     * Runs alone among all threads and processes that use one of these stripes; of many, that use any stripe between the
     * first and the last, since the kernel looks through all locks of a file at each call.
     *
     * @param ascending each once; as everybody takes several in the same order, nobody waits in a circle
     */
    <T extends @org.jspecify.annotations.Nullable Object> T locked(int[] ascending, Task<T> task) throws IOException {
        if (ascending.length <= SEPARATE) {
            return locked(ascending, ascending, task);
        }
        return locked(new int[] {ascending[0]}, new int[] {ascending[ascending.length - 1]}, task);
    }

    /** Locks ranges of stripes, given by the first and the last of each. */
    private <T extends @org.jspecify.annotations.Nullable Object> T locked(int[] first, int[] last, Task<T> task)
            throws IOException {
        store.readLock().lock();
        try {
            int[] threads = threadLocks(first, last);
            for (int lock : threads) {
                stripes[lock].lock();
            }
            try {
                requireOpen();
                return lockedBytes(first, last, task);
            } finally {
                for (int lock : threads) {
                    stripes[lock].unlock();
                }
            }
        } finally {
            store.readLock().unlock();
        }
    }

    private <T extends @org.jspecify.annotations.Nullable Object> T lockedBytes(int[] first, int[] last, Task<T> task)
            throws IOException {
        int held = 0;
        try {
            while (held < first.length) {
                Posix.lock(descriptor, first[held], last[held] - first[held] + 1L, true);
                held++;
            }
            requirePresent();
            return task.run();
        } finally {
            while (held-- > 0) {
                unlock(first[held], last[held] - first[held] + 1L);
            }
        }
    }

    /** Ascending, too: neighbours share a lock. */
    private static int[] threadLocks(int[] first, int[] last) {
        int shared = STRIPES / THREAD_LOCKS;
        return IntStream.range(0, first.length)
                .flatMap(i -> IntStream.rangeClosed(first[i] / shared, last[i] / shared))
                .distinct()
                .toArray();
    }

    /** Runs alone in the whole store. */
    <T extends @org.jspecify.annotations.Nullable Object> T lockedWhole(Task<T> task) throws IOException {
        store.writeLock().lock();
        try {
            requireOpen();
            Posix.lock(descriptor, 0, STRIPES, true);
            try {
                requirePresent();
                return task.run();
            } finally {
                unlock(0, STRIPES);
            }
        } finally {
            store.writeLock().unlock();
        }
    }

    /** A key change. */
    @FunctionalInterface
    interface Change {
        void run() throws IOException;
    }

    /**
     * Runs a key change alone among all threads and processes that change keys, while others read and write. The kernel ends
     * this lock, too, with a process that is killed.
     *
     * @param ifFree whether to give up at once where another one has the lock, not after two seconds
     * @return false where another change went on for that long; nothing was run
     */
    boolean changing(boolean ifFree, Change task) throws IOException {
        long until = System.nanoTime() + (ifFree ? 0 : PATIENCE);
        if (change.isHeldByCurrentThread() || !acquireChange(until)) {
            return false;
        }
        try {
            requireOpen();
            if (!acquireChangeByte(until)) {
                return false;
            }
            try {
                requirePresent();
                task.run();
                return true;
            } finally {
                unlock(CHANGE, 1);
            }
        } finally {
            change.unlock();
        }
    }

    /** Polls, so that an interrupt does not end it. */
    private boolean acquireChange(long until) {
        while (!change.tryLock()) {
            if (System.nanoTime() - until >= 0) {
                return false;
            }
            LockSupport.parkNanos(PAUSE);
        }
        return true;
    }

    private boolean acquireChangeByte(long until) throws IOException {
        while (!Posix.lock(descriptor, CHANGE, 1, false)) {
            if (System.nanoTime() - until >= 0) {
                return false;
            }
            LockSupport.parkNanos(PAUSE);
        }
        return true;
    }

    /** Runs if nobody uses the stripe now. */
    void ifFree(int stripe, Task<?> task) throws IOException {
        requireOpen();
        if (Posix.lock(descriptor, stripe, 1, false)) {
            try {
                task.run();
            } finally {
                unlock(stripe, 1);
            }
        }
    }

    /** What was done under the lock is done: a failure here must not say otherwise. */
    private void unlock(long start, long length) {
        for (int attempt = 1; ; attempt++) {
            try {
                Posix.unlock(descriptor, start, length);
                return;
            } catch (IOException e) {
                if (attempt == UNLOCK_ATTEMPTS) {
                    // The next use of the same lock gives it back, the end of this process at the latest.
                    log().log(System.Logger.Level.WARNING, "a lock could not be given back: {0}", e.getMessage());
                    return;
                }
            }
        }
    }

    /** Locks exclude nobody, and files land in somebody else's store, where the folder is another one now. */
    void requirePresent() throws IOException {
        if (!Posix.isStill(name, descriptor)) {
            throw new IOException(name.getParent() + " is gone or was replaced; open the store again");
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this MemGuard is closed");
        }
    }

    @Override
    public void close() {
        store.writeLock().lock(); // Waits for every holder of a lock, since closing the file would drop it.
        try {
            closed = true; // From now on a key change takes no step, and ends.
        } finally {
            store.writeLock().unlock();
        }
        change.lock();
        try {
            if (!released) {
                released = true;
                Posix.closeQuietly(descriptor);
            }
        } finally {
            change.unlock();
        }
    }

    /** Looked up when there is something to say: the first logger of a JVM takes as long as half an opening. */
    private static System.Logger log() {
        return System.getLogger(StoreLocks.class.getName());
    }
}
