package io.memguard.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A mapped file of counters, one per stripe: a writer in any process raises the stripe's counter before it replaces the
 * file, so that every cache sees at its next read that it is out of date. Cold reads hold the stripe's lock, so no process
 * can cache an old value under a raised counter.
 *
 * <p>A restore or a cleanup may put another file in its place. Under each lock, and whenever a cached value is compared with
 * its file, the one that is there is mapped; what was read under the counters of the one before counts as outdated.
 */
final class Generations {
    /** The key epoch: which metadata is there; docs/KEY-LIFECYCLE.md. */
    private static final int STORE = StoreLocks.STRIPES;

    private final Path file;
    private final boolean isMapped;
    private volatile Mapping mapping;

    private Generations(Path file, boolean isMapped, Mapping mapping) {
        this.file = file;
        this.isMapped = isMapped;
        this.mapping = mapping;
    }

    /** Counters, and what is added to them so that no number of one file is ever that of another. */
    private record Mapping(MappedCounters counters, long salt) {
        static Mapping of(MappedCounters counters) {
            return new Mapping(counters, ThreadLocalRandom.current().nextLong());
        }
    }

    static Generations open(Path file) throws IOException {
        return new Generations(file, true, Mapping.of(MappedCounters.open(file, STORE + 1)));
    }

    /** Of a store that is only read: nothing is written, and changes are seen by a look at the files alone. */
    static Generations inMemory(Path file) {
        return new Generations(file, false, Mapping.of(MappedCounters.inMemory(STORE + 1)));
    }

    /** Whether other processes have the same. */
    boolean isShared() {
        return isMapped;
    }

    /** Maps the file that is there now. */
    void follow() throws IOException {
        if (isMapped && !mapping.counters().isStill(file)) {
            remap();
        }
    }

    private synchronized void remap() throws IOException {
        if (!mapping.counters().isStill(file)) {
            mapping = Mapping.of(MappedCounters.open(file, STORE + 1));
        }
    }

    long get(int stripe) {
        Mapping now = mapping;
        return now.counters().get(stripe) + now.salt();
    }

    void raise(int stripe) {
        mapping.counters().add(stripe, 1);
    }

    long keyEpoch() {
        return mapping.counters().get(STORE);
    }

    void keyEpoch(long number) {
        mapping.counters().set(STORE, number);
    }

    /** Makes every cached value out of date. */
    void raiseAll() {
        for (int i = 0; i < STORE; i++) {
            raise(i);
        }
    }
}
