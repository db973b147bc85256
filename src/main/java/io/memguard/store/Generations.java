package io.memguard.store;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A mapped file of counters, one per stripe: a writer in any process raises the stripe's counter before it replaces the
 * file, so that every cache sees at its next read that it is out of date. Cold reads hold the stripe's lock, so nobody
 * can cache an old value under a raised counter.
 */
final class Generations {
    /** The key epoch: which metadata is there; docs/KEY-LIFECYCLE.md. */
    private static final int STORE = StoreLocks.STRIPES;

    private final MappedCounters counters;

    private Generations(MappedCounters counters) {
        this.counters = counters;
    }

    static Generations open(Path file) throws IOException {
        return new Generations(MappedCounters.open(file, StoreLocks.STRIPES + 1));
    }

    long get(int stripe) {
        return counters.get(stripe);
    }

    void raise(int stripe) {
        counters.add(stripe, 1);
    }

    long keyEpoch() {
        return get(STORE);
    }

    void keyEpoch(long number) {
        counters.set(STORE, number);
    }

    /** Makes every cached value out of date. */
    void raiseAll() {
        for (int i = 0; i < STORE; i++) {
            raise(i);
        }
    }
}
