package io.memguard.storage;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Counters in native memory, one per stripe: the stripe's counter is raised before an entry is replaced or deleted, so that
 * every cache sees at its next read that it is out of date. Each read of a cached value looks at one of them, so this is no
 * interface: a storage keeps the memory up to date. It maps a file, or writes what it hears of (a watch, notifications). Where
 * it may have missed a change, it raises all.
 *
 * <p>Cold reads hold the stripe's lock, so no process can cache an old value under a raised counter.
 */
public final class Generations {
    /** Longs of the memory: one for each stripe, then the key epoch. */
    public static final int COUNTERS = EntryId.STRIPES + 1;

    /** The key epoch: which metadata is there; docs/KEY-LIFECYCLE.md. */
    private static final int KEY_EPOCH = EntryId.STRIPES;

    private static final VarHandle COUNTER = ValueLayout.JAVA_LONG.varHandle();

    private volatile Counters now;

    /** @param memory of {@link #COUNTERS} longs */
    public Generations(MemorySegment memory) {
        now = Counters.of(memory);
    }

    /** Counters, and what is added to them so that no number of one memory is ever that of another. */
    private record Counters(MemorySegment memory, long salt) {
        static Counters of(MemorySegment memory) {
            return new Counters(memory, ThreadLocalRandom.current().nextLong());
        }
    }

    /** From now on these counters count: whatever was read under the ones before is out of date. */
    public void replace(MemorySegment memory) {
        now = Counters.of(memory);
    }

    /** A number that changes whenever an entry of this stripe is about to be replaced or deleted, in any process. */
    public long get(int stripe) {
        Counters counters = now;
        return counter(counters, stripe) + counters.salt();
    }

    /** Before an entry of the stripe is replaced or deleted. */
    public void raise(int stripe) {
        COUNTER.getAndAdd(now.memory(), stripe * (long) Long.BYTES, 1L);
    }

    /** Makes every cached value out of date. */
    public void raiseAll() {
        for (int stripe = 0; stripe < EntryId.STRIPES; stripe++) {
            raise(stripe);
        }
    }

    /** The key epoch of the metadata that is there, or {@link Storage#CHANGING}. */
    public long keyEpoch() {
        return counter(now, KEY_EPOCH);
    }

    public void keyEpoch(long number) {
        COUNTER.setRelease(now.memory(), KEY_EPOCH * (long) Long.BYTES, number);
    }

    private static long counter(Counters counters, int index) {
        return (long) COUNTER.getAcquire(counters.memory(), index * (long) Long.BYTES);
    }
}
