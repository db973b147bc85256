package io.memguard.storage.directory;

import io.memguard.os.DurableFile;
import io.memguard.os.FileVersion;
import io.memguard.os.OpenDirectory;
import io.memguard.os.Posix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/** 64-bit numbers in a file that all processes map; a killed process's last change is seen by the others. */
final class MappedCounters {
    private static final VarHandle COUNTER = ValueLayout.JAVA_LONG.varHandle();

    private static final Set<OpenOption> MODE = Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);

    private final MemorySegment memory;
    private final FileVersion file;

    private MappedCounters(MemorySegment memory, FileVersion file) {
        this.memory = memory;
        this.file = file;
    }

    /** Counters of this process alone, for a store that it only reads. */
    static MappedCounters inMemory(int count) {
        return new MappedCounters(Arena.ofAuto().allocate((long) count * Long.BYTES, Long.BYTES), FileVersion.NONE);
    }

    /** Maps the file, made where it is missing. The mapping is unmapped by the collector once it can no longer be reached. */
    static MappedCounters open(Path file, int count) throws IOException {
        long size = (long) count * Long.BYTES;
        int descriptor = Posix.openOrCreate(file);
        try {
            Posix.reserve(descriptor, file, size);
            DurableFile.giveToOwnerOf(file.resolveSibling(""), descriptor, file);
            return new MappedCounters(
                    map(descriptor, size), Posix.status(descriptor, file).version());
        } finally {
            Posix.closeQuietly(descriptor);
        }
    }

    /** A channel closes itself where its thread is interrupted: an interrupt waits until this is done. */
    private static MemorySegment map(int descriptor, long size) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try (var channel = FileChannel.open(OpenDirectory.path(descriptor), MODE)) {
                    // Mapping beyond the end makes the file longer, with zeros.
                    return channel.map(FileChannel.MapMode.READ_WRITE, 0, size, Arena.ofAuto());
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Whether the name still leads to the file that is mapped. */
    boolean isStill(Path name) throws IOException {
        return FileVersion.of(name).filter(file::isSameFile).isPresent();
    }

    MemorySegment memory() {
        return memory;
    }

    long inode() {
        return file.inode();
    }

    /** All of them, each as it was at some moment during the call. */
    long[] copy() {
        long[] copy = memory.toArray(ValueLayout.JAVA_LONG);
        VarHandle.acquireFence();
        return copy;
    }

    long get(int index) {
        return (long) COUNTER.getAcquire(memory, index * (long) Long.BYTES);
    }

    void set(int index, long value) {
        COUNTER.setRelease(memory, index * (long) Long.BYTES, value);
    }

    void add(int index, long value) {
        COUNTER.getAndAdd(memory, index * (long) Long.BYTES, value);
    }
}
