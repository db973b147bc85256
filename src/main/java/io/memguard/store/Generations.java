package io.memguard.store;

import io.memguard.os.DurableFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * A mapped file of counters, one per stripe: a writer in any process raises the stripe's counter before it replaces the
 * file, so that every cache sees at its next read that it is out of date. Cold reads hold the stripe's lock, so nobody
 * can cache an old value under a raised counter.
 */
final class Generations {
    /** The number of the store itself: raised when the store is removed or its key changes. */
    private static final int STORE = StoreLocks.STRIPES;

    private static final long SIZE = (StoreLocks.STRIPES + 1L) * Long.BYTES;
    private static final VarHandle COUNTER = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment counters;

    private Generations(MemorySegment counters) {
        this.counters = counters;
    }

    /** Maps the file, made where it is missing. The mapping is unmapped by the collector once nobody can reach it. */
    static Generations open(Path file) throws IOException {
        try (var channel = FileChannel.open(
                file,
                Set.of(
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        java.nio.file.LinkOption.NOFOLLOW_LINKS),
                DurableFile.OWNER_ONLY)) {
            DurableFile.giveToOwnerOf(file.resolveSibling(""), file);
            // Mapping beyond the end makes the file longer, with zeros.
            return new Generations(channel.map(FileChannel.MapMode.READ_WRITE, 0, SIZE, Arena.ofAuto()));
        }
    }

    long get(int stripe) {
        return (long) COUNTER.getAcquire(counters, stripe * (long) Long.BYTES);
    }

    void raise(int stripe) {
        COUNTER.getAndAdd(counters, stripe * (long) Long.BYTES, 1L);
    }

    long ofStore() {
        return get(STORE);
    }

    /** Makes every cached value, and every open of this store, out of date. */
    void raiseAll() {
        for (int i = 0; i <= STORE; i++) {
            raise(i);
        }
    }
}
