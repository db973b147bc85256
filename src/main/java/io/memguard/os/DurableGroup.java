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
 * temporary files are made, written and fsynced by many threads at once, so that all processors work and the file system
 * joins the flushes, and the directory is fsynced once for all. For one thread.
 */
public final class DurableGroup implements AutoCloseable {
    /** Threads that wait for the disk; with more the flushes are not joined any better. */
    private static final int THREADS = 32;

    /** Makes the new content of one file, on any thread. */
    @FunctionalInterface
    public interface Filler {
        /** Puts the content into the slot, or nothing where the file is to stay as it is. */
        void fill(Slot slot) throws IOException;
    }

    /** Takes the content of one file. */
    @FunctionalInterface
    public interface Slot {
        /** Durable in a temporary file when this returns: what the content is made of may be freed then. Once. */
        void put(FileContent content) throws IOException;
    }

    /**
     * A file that may get new content.
     *
     * @param prefix what the temporary file's name begins with; a random number follows
     */
    public record NewFile(Path target, String prefix, Filler filler) {
        /** With content that is known already. */
        public static NewFile of(Path target, String prefix, FileContent content) {
            return new NewFile(target, prefix, slot -> slot.put(content));
        }
    }

    private final Path directory;
    private final List<NewFile> files;
    private final @Nullable Path[] temporaries;

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
                    fill(i);
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

    private void fill(int index) throws IOException {
        NewFile file = files.get(index);
        file.filler().fill(content -> temporaries[index] = DurableFile.prepare(directory, content, file.prefix()));
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

    /**
     * Puts a file, by its place in the list, in place of the old one; not durable before {@link #sync}.
     *
     * @return false where it has no new content
     */
    public boolean publish(int index) throws IOException {
        Path temporary = temporaries[index];
        if (temporary == null) {
            return false;
        }
        Files.move(temporary, files.get(index).target(), StandardCopyOption.ATOMIC_MOVE);
        temporaries[index] = null;
        return true;
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
