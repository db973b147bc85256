package io.memguard.memory;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A value of unknown length on its way in: pieces wait sealed in ordinary memory, so that in the end only the whole value
 * has to be locked, not the value and its pieces. Not thread-safe.
 */
public final class Spool implements AutoCloseable {
    private @Nullable SealedCache cache;
    private final List<Long> sealed = new ArrayList<>();
    private final List<GuardedMemory> locked = new ArrayList<>(); // where there is no native library
    private long size;

    /** How much was added, in bytes. */
    public long size() {
        return size;
    }

    /** Adds a copy of native memory. */
    public void add(MemorySegment piece) {
        if (NativeLibraries.isLoaded()) {
            if (cache == null) {
                cache = SealedCache.create();
            }
            sealed.add(cache.put(piece, Duration.ZERO, Duration.ZERO));
        } else {
            var copy = GuardedMemory.allocate(piece.byteSize());
            locked.add(copy);
            copy.<MemorySegment, RuntimeException>write(target -> target.copyFrom(piece));
        }
        size += piece.byteSize();
    }

    /** Writes all pieces, in their order, to the beginning of a segment. */
    public void copyTo(MemorySegment target) {
        long at = 0;
        for (long handle : sealed) {
            long begin = at;
            at += SealedCache.<Long, RuntimeException>lend(
                    java.util.Objects.requireNonNull(cache).open(handle), piece -> copy(piece, target, begin));
        }
        for (GuardedMemory memory : locked) {
            long begin = at;
            at += memory.<Long, RuntimeException>read(piece -> copy(piece, target, begin));
        }
    }

    private static long copy(MemorySegment piece, MemorySegment target, long at) {
        PlaintextCopy.copy(piece, target.asSlice(at));
        return piece.byteSize();
    }

    @Override
    public void close() {
        if (cache != null) {
            cache.close();
        }
        locked.forEach(GuardedMemory::close);
    }
}
