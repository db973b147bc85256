package io.memguard.store;

import io.memguard.os.DurableFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/** 64-bit numbers in a file that all processes map; a killed process's last change is seen by the others. */
final class MappedCounters {
    private static final VarHandle COUNTER = ValueLayout.JAVA_LONG.varHandle();

    private static final Set<OpenOption> MODE = Set.of(
            StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);

    private final MemorySegment memory;

    private MappedCounters(MemorySegment memory) {
        this.memory = memory;
    }

    /** Makes the file as long as it has to be, so that a full disk is noticed here; by one at a time. */
    static void reserve(Path file, int count) throws IOException {
        try (var channel = FileChannel.open(file, MODE, DurableFile.OWNER_ONLY)) {
            DurableFile.giveToOwnerOf(file.resolveSibling(""), file);
            long size = channel.size();
            var zeros = ByteBuffer.allocate(Math.toIntExact(Math.max(0, (long) count * Long.BYTES - size)));
            while (zeros.hasRemaining()) {
                size += channel.write(zeros, size);
            }
        }
    }

    /** Maps the file, made where it is missing. The mapping is unmapped by the collector once nobody can reach it. */
    static MappedCounters open(Path file, int count) throws IOException {
        try (var channel = FileChannel.open(file, MODE, DurableFile.OWNER_ONLY)) {
            DurableFile.giveToOwnerOf(file.resolveSibling(""), file);
            // Mapping beyond the end makes the file longer, with zeros.
            return new MappedCounters(
                    channel.map(FileChannel.MapMode.READ_WRITE, 0, (long) count * Long.BYTES, Arena.ofAuto()));
        }
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
