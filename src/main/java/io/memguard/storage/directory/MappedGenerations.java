package io.memguard.storage.directory;

import io.memguard.storage.Generations;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The counters of {@code store.generations}, mapped by all processes.
 *
 * <p>A restore or a cleanup may put another file in its place. Under each lock, and whenever a cached value is compared with its
 * file, the one that is there is mapped; what was read under the counters of the one before counts as outdated.
 */
final class MappedGenerations {
    private final Path file;
    private final boolean isMapped;
    private final Generations generations;
    private volatile MappedCounters counters;

    private MappedGenerations(Path file, boolean isMapped, MappedCounters counters) {
        this.file = file;
        this.isMapped = isMapped;
        this.counters = counters;
        this.generations = new Generations(counters.memory());
    }

    static MappedGenerations open(Path file) throws IOException {
        return new MappedGenerations(file, true, MappedCounters.open(file, Generations.COUNTERS));
    }

    /** Of a store that is only read: nothing is written, and changes are seen by a look at the files alone. */
    static MappedGenerations inMemory(Path file) {
        return new MappedGenerations(file, false, MappedCounters.inMemory(Generations.COUNTERS));
    }

    Generations generations() {
        return generations;
    }

    /** Whether other processes have the same. */
    boolean isShared() {
        return isMapped;
    }

    /** Maps the file that is there now. */
    void follow() throws IOException {
        if (isMapped && !counters.isStill(file)) {
            remap();
        }
    }

    private synchronized void remap() throws IOException {
        if (!counters.isStill(file)) {
            var there = MappedCounters.open(file, Generations.COUNTERS);
            generations.replace(there.memory());
            counters = there; // Last: until then others map it, too, and no thread goes on with the counters before.
        }
    }
}
