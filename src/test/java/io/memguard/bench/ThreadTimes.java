package io.memguard.bench;

import io.memguard.ffi.Downcall;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where the time of one thread goes: running, waiting for a processor, or blocked by something that it waits for. What it
 * spends in none of these the host took away from the machine. Belongs to the thread that made it; allocates nothing that
 * the compiler does not remove, since whoever allocates may have to wait for the garbage collector.
 */
final class ThreadTimes implements AutoCloseable {
    private static final MemorySegment GETRUSAGE = function("getrusage");
    private static final MemorySegment CLOCK_GETTIME = function("clock_gettime");
    private static final int THREAD_CPUTIME = 3; // CLOCK_THREAD_CPUTIME_ID
    private static final int RUSAGE_THREAD = 1;
    private static final long RUSAGE_SIZE = 144;
    private static final long VOLUNTARY_SWITCHES = 128; // ru_nvcsw
    private static final int LINE = 64;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment usage = arena.allocate(RUSAGE_SIZE);
    private final RandomAccessFile statistics;
    private final byte[] line = new byte[LINE];

    /**
     * At one moment.
     *
     * @param clock of the wall, in nanoseconds
     * @param running how long it ran, in nanoseconds, up to now; the times of getrusage(2) are those of the last tick
     * @param queued how long it could have run and had no processor, in nanoseconds; see proc_pid_schedstat(5)
     * @param blocks how often it gave its processor away to wait for something; see getrusage(2)
     */
    record Moment(long clock, long running, long queued, long blocks) {
        /** How long it was blocked since then, at most: what the host took meanwhile counts, too. */
        long blockedSince(Moment begin) {
            return blocks == begin.blocks
                    ? 0
                    : Math.max(0, clock - begin.clock - runningSince(begin) - (queued - begin.queued));
        }

        long runningSince(Moment begin) {
            return running - begin.running;
        }
    }

    ThreadTimes() {
        try {
            statistics = new RandomAccessFile("/proc/thread-self/schedstat", "r");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Moment now() {
        if (Downcall.callInt(GETRUSAGE, RUSAGE_THREAD, usage) != 0) {
            throw new AssertionError("getrusage");
        }
        long blocks = word(VOLUNTARY_SWITCHES);
        if (Downcall.callInt(CLOCK_GETTIME, THREAD_CPUTIME, usage) != 0) {
            throw new AssertionError("clock_gettime");
        }
        return new Moment(System.nanoTime(), word(0) * 1_000_000_000 + word(Long.BYTES), queued(), blocks);
    }

    private static MemorySegment function(String name) {
        return Linker.nativeLinker().defaultLookup().find(name).orElseThrow();
    }

    private long word(long offset) {
        return usage.get(ValueLayout.JAVA_LONG, offset);
    }

    private long queued() {
        try {
            statistics.seek(0);
            int length = statistics.read(line);
            long number = 0;
            int at = 0;
            while (line[at++] != ' ') {} // The first field: how long it ran, as of the last tick.
            while (at < length && line[at] != ' ') {
                number = number * 10 + line[at++] - '0';
            }
            return number;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        arena.close();
        try {
            statistics.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
