package io.memguard.store;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A mapped file of counters, one per stripe: a writer in any process raises the stripe's counter before it replaces the
 * file, so that every cache sees at its next read that it is out of date. Cold reads hold the stripe's lock, so nobody
 * can cache an old value under a raised counter.
 */
final class Generations {
    /** The number of the store itself: raised when the store is removed or its key changes. */
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

    long ofStore() {
        return get(STORE);
    }

    /** The store's keys have changed. */
    void raiseStore() {
        raise(STORE);
    }

    /** Makes every cached value, and every open of this store, out of date. */
    void raiseAll() {
        for (int i = 0; i <= STORE; i++) {
            raise(i);
        }
    }
}
