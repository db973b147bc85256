package io.memguard.storage.directory;

import io.memguard.memory.StackRoom;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import io.memguard.os.RangeLock;
import io.memguard.os.SharedLock;
import io.memguard.storage.EntryId;
import io.memguard.storage.Storage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Locks per secret: first among the threads here, then among processes by one byte of the lock file. The kernel frees a
 * killed process's bytes. Readers of hot values never come here.
 */
final class StoreLocks implements AutoCloseable {
    private static final int THREAD_LOCKS = 1 << 10;

    private static final int UNLOCK_ATTEMPTS = 3;
    private static final int NONE = -1;

    private static final long LONGEST_WAIT = TimeUnit.SECONDS.toNanos(5);

    /** So many stripes are locked each by itself. */
    private static final int MAX_SEPARATE_LOCKS = 32;

    /** The byte behind those of the stripes: held during a key change. */
    private static final long CHANGE = EntryId.STRIPES;

    /** How long a key change waits for another one. */
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(2);

    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(20);

    private final Path name;
    private final int descriptor;
    private final SharedLock store = new SharedLock(Duration.ofSeconds(2));
    private final @Nullable StoreDirectory readOnly;
    private final ReentrantLock[] stripes = new ReentrantLock[THREAD_LOCKS];
    private final ReentrantLock change = new ReentrantLock();
    private volatile @Nullable MappedGenerations counters;
    private volatile boolean closed;
    private boolean fileIsClosed;

    /** The locks of a store that is only read: reading a file without its lock gives the old value or the new one. */
    static StoreLocks none(StoreDirectory directory) {
        return new StoreLocks(directory);
    }

    private StoreLocks(StoreDirectory readOnly) {
        this.name = readOnly.layout().displayPath();
        this.descriptor = NONE;
        this.readOnly = readOnly;
    }

    StoreLocks(StoreLayout layout) throws IOException {
        this.name = layout.lockName();
        this.readOnly = null;
        for (int i = 0; i < THREAD_LOCKS; i++) {
            stripes[i] = new ReentrantLock();
        }
        descriptor = Posix.openOrCreate(layout.lock());
        DurableFile.giveToOwnerOf(layout.workingPath(), descriptor, layout.lock());
    }

    /** From now on the counters that are there are mapped under each lock. */
    void follow(MappedGenerations shared) {
        counters = shared;
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
     * @param ascending each once; as all take several in the same order, none waits in a circle
     */
    <T extends @org.jspecify.annotations.Nullable Object> T locked(int[] ascending, Task<T> task) throws IOException {
        if (readOnly != null) {
            return readOnly.use(() -> {
                requirePresent();
                return task.run();
            });
        }
        if (ascending.length <= MAX_SEPARATE_LOCKS) {
            return locked(ascending, ascending, task);
        }
        return locked(new int[] {ascending[0]}, new int[] {ascending[ascending.length - 1]}, task);
    }

    /** Locks ranges of stripes, given by the first and the last of each. */
    private <T extends @org.jspecify.annotations.Nullable Object> T locked(int[] first, int[] last, Task<T> task)
            throws IOException {
        int[] threads = threadLocks(first, last);
        return using(false, () -> {
            int held = 0;
            try {
                while (held < threads.length) {
                    stripes[threads[held]].lock();
                    held++;
                }
                return lockedBytes(first, last, task);
            } finally {
                while (held > 0) {
                    stripes[threads[--held]].unlock();
                }
            }
        });
    }

    private <T extends @org.jspecify.annotations.Nullable Object> T lockedBytes(int[] first, int[] last, Task<T> task)
            throws IOException {
        try (var arena = Arena.ofConfined()) {
            var ranges = new RangeLock[first.length];
            for (int i = 0; i < ranges.length; i++) {
                ranges[i] = new RangeLock(arena, descriptor, first[i], last[i] - first[i] + 1L);
            }
            int held = 0;
            try {
                while (held < ranges.length) {
                    ranges[held].take();
                    held++;
                }
                requirePresent();
                return task.run();
            } finally {
                while (held > 0) {
                    giveBack(ranges[--held]);
                }
            }
        }
    }

    /** Runs while the lock file is open; the last one after {@link #close} closes it. */
    private <T extends @org.jspecify.annotations.Nullable Object> T using(boolean alone, Task<T> task)
            throws IOException {
        StackRoom.require();
        var use = new SharedLock.Use();
        if (!alone) {
            store.share(use);
        } else if (!store.takeAlone(use)) {
            throw new IllegalStateException(
                    "the whole store can't be locked while this thread has locked a part of it");
        }
        try {
            requireOpen();
            return task.run();
        } finally {
            store.giveBack(use);
            if (closed) {
                closeFile(0);
            }
        }
    }

    /** Ascending, too: neighbours share a lock. */
    private static int[] threadLocks(int[] first, int[] last) {
        int shared = EntryId.STRIPES / THREAD_LOCKS;
        return IntStream.range(0, first.length)
                .flatMap(i -> IntStream.rangeClosed(first[i] / shared, last[i] / shared))
                .distinct()
                .toArray();
    }

    /** Runs alone in the whole store. */
    <T extends @org.jspecify.annotations.Nullable Object> T lockedWhole(Task<T> task) throws IOException {
        requireWritable();
        return using(true, () -> {
            try (var arena = Arena.ofConfined()) {
                var whole = new RangeLock(arena, descriptor, 0, EntryId.STRIPES);
                whole.take();
                try {
                    requirePresent();
                    return task.run();
                } finally {
                    giveBack(whole);
                }
            }
        });
    }

    /**
     * Runs a key change alone among all threads and processes that change keys, while others read and write. The kernel ends
     * this lock, too, with a process that is killed.
     *
     * @param ifFree whether to give up at once where another one has the lock, not after two seconds
     * @return false where another change went on for that long; nothing was run
     */
    boolean changing(boolean ifFree, Storage.Action task) throws IOException {
        return changing(ifFree ? 0 : PATIENCE, task);
    }

    /**
     * Runs while no key is changed, or in this thread's own change: one of another process ends at its next step, once the
     * store is being removed.
     *
     * @return false where it has not ended after five seconds; nothing was run
     */
    boolean withoutChange(Storage.Action task) throws IOException {
        if (change.isHeldByCurrentThread()) {
            task.run(); // Asked for by who hears of its progress, when the key is made and named.
            return true;
        }
        return changing(LONGEST_WAIT, task);
    }

    private boolean changing(long patience, Storage.Action task) throws IOException {
        requireWritable();
        long until = System.nanoTime() + patience;
        StackRoom.require();
        if (change.isHeldByCurrentThread() || !acquireChange(until)) {
            return false;
        }
        try (var arena = Arena.ofConfined()) {
            requireOpen();
            var range = new RangeLock(arena, descriptor, CHANGE, 1);
            if (!acquireChangeByte(range, until)) {
                return false;
            }
            try {
                requirePresent();
                task.run();
                return true;
            } finally {
                giveBack(range);
            }
        } finally {
            change.unlock();
            if (closed) {
                closeFile(0);
            }
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

    private static boolean acquireChangeByte(RangeLock range, long until) throws IOException {
        while (!range.tryToTake()) {
            if (System.nanoTime() - until >= 0) {
                return false;
            }
            LockSupport.parkNanos(PAUSE);
        }
        return true;
    }

    /** Runs if no other thread or process uses the stripe now. */
    void tryLocked(int stripe, Task<?> task) throws IOException {
        StackRoom.require();
        requireOpen();
        try (var arena = Arena.ofConfined()) {
            var range = new RangeLock(arena, descriptor, stripe, 1);
            if (range.tryToTake()) {
                try {
                    task.run();
                } finally {
                    giveBack(range);
                }
            }
        }
    }

    /** What was done under the lock is done: a failure here must not say otherwise. */
    private static void giveBack(RangeLock range) {
        int error = 0;
        for (int attempt = 0; attempt < UNLOCK_ATTEMPTS; attempt++) {
            error = range.giveBack();
            if (error == 0) {
                return;
            }
        }
        // The next use of the same lock gives it back, the end of this process at the latest.
        log().log(System.Logger.Level.WARNING, "a lock could not be given back: {0}", Posix.errorText(error));
    }

    /** Where the directory is another one now, locks exclude no process, and files would land in another store. */
    void requirePresent() throws IOException {
        if (readOnly != null) {
            readOnly.requireStill();
            return;
        }
        if (!Posix.isStill(name, descriptor)) {
            throw new IOException(name.getParent() + " was moved or replaced, or its " + name.getFileName()
                    + " was; close the store and open it again");
        }
        MappedGenerations shared = counters;
        if (shared != null) {
            shared.follow();
        }
    }

    /** @throws IOException where the store is only read */
    void requireWritable() throws IOException {
        if (readOnly != null) {
            throw new IOException(
                    "this store was opened for reading only (OpenMode.READ_ONLY, --read-only); nothing was changed");
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this MemGuard is closed");
        }
    }

    /**
     * Waits a few seconds for operations under way, since closing the file would drop their locks. What has not ended by then
     * goes on, and the last operation closes the file. Idempotent.
     */
    @Override
    public void close() {
        closed = true;
        if (!closeFile(LONGEST_WAIT)) {
            log().log(
                            System.Logger.Level.WARNING,
                            "the store is closed, but {0} operations on it are still under way (waiting for another process,"
                                    + " the disk or a token); the last one gives its lock file back",
                            store.uses());
        }
    }

    /** False where it is still used after so many nanoseconds. */
    private boolean closeFile(long patience) {
        long until = System.nanoTime() + patience;
        if (change.isHeldByCurrentThread() || !acquireChange(until)) {
            return false; // The key change takes no further step, and closes it when it has ended.
        }
        try {
            var use = new SharedLock.Use();
            if (!store.takeAlone(use, until - System.nanoTime())) {
                return false;
            }
            try {
                if (!fileIsClosed) {
                    fileIsClosed = true;
                    if (descriptor != NONE) {
                        Posix.closeQuietly(descriptor);
                    }
                }
                return true;
            } finally {
                store.giveBack(use);
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
