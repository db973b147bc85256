package io.memguard.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Many files of one directory that are replaced together. Each is as atomic as by {@link DurableFile#replace}; but the
 * temporary files are written and fsynced by many threads at once, so that the file system joins their flushes, and the
 * directory is fsynced once for all. For one thread.
 */
public final class DurableGroup implements AutoCloseable {
    /** Threads that wait for the disk; with more the flushes are not joined any better. */
    private static final int THREADS = 32;

    /** A file's new content. */
    public static final class NewFile {
        private final Path target;
        private final byte[] content;
        private final String prefix;

        /**
         * Does nothing yet; the array is not copied.
         *
         * @param prefix what the temporary file's name begins with; a random number follows
         */
        public NewFile(Path target, byte[] content, String prefix) {
            this.target = target;
            this.content = content;
            this.prefix = prefix;
        }
    }

    private final Path directory;
    private final List<NewFile> files;
    private final @Nullable Path[] temporaries;
    private int published;

    private DurableGroup(Path directory, List<NewFile> files) {
        this.directory = directory;
        this.files = files;
        this.temporaries = new Path[files.size()];
    }

    /** Writes all contents to durable temporary files; where it fails, none is left. */
    public static DurableGroup prepare(Path directory, List<NewFile> files) throws IOException {
        var group = new DurableGroup(directory, files);
        try {
            group.prepare();
            return group;
        } catch (Throwable failure) {
            group.close();
            throw failure;
        }
    }

    private void prepare() throws IOException {
        var next = new AtomicInteger();
        var failure = new AtomicReference<@Nullable Throwable>();
        Runnable worker = () -> {
            for (int i = next.getAndIncrement();
                    i < files.size() && failure.get() == null;
                    i = next.getAndIncrement()) {
                try {
                    NewFile file = files.get(i);
                    temporaries[i] = DurableFile.prepare(directory, file.content, file.prefix);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                }
            }
        };
        var threads = new ArrayList<Thread>();
        try {
            startAll(Math.min(THREADS, files.size()) - 1, worker, threads);
            worker.run();
        } finally {
            threads.forEach(HelperThread::join); // None is left behind that still writes.
        }
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }

    /** As many as can be had: this thread does what is left. */
    private static void startAll(int wanted, Runnable worker, List<Thread> started) {
        while (started.size() < wanted) {
            Thread thread = HelperThread.start("memguard-fsync", worker);
            if (thread == null) {
                return;
            }
            started.add(thread);
        }
    }

    /** Puts the next file, in the order of the list, in place of the old one; not durable before {@link #sync}. */
    public void publishNext() throws IOException {
        Path temporary = java.util.Objects.requireNonNull(temporaries[published]);
        Files.move(temporary, files.get(published).target, StandardCopyOption.ATOMIC_MOVE);
        temporaries[published++] = null;
    }

    /** Makes durable what was published. */
    public void sync() throws IOException {
        Posix.syncDirectory(directory);
    }

    /** Removes what was not published. */
    @Override
    public void close() {
        for (Path temporary : temporaries) {
            if (temporary != null) {
                try {
                    Files.deleteIfExists(temporary);
                } catch (IOException e) {
                    // The next opening of the store clears it.
                }
            }
        }
    }
}
