package io.memguard;

import io.memguard.store.SecretName;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * At most five reads past the cache in any 60 seconds for each name of a store, over all threads and instances of the
 * process; deleting and storing again changes nothing, closing and opening neither. Remembers up to 10,000 names: with more in one minute, further names have to wait, too.
 */
final class DirectAccessLimit {
    static final int READS = 5;
    static final long WINDOW = TimeUnit.SECONDS.toNanos(60);
    static final int NAMES = 10_000;

    static final DirectAccessLimit OF_THIS_PROCESS = new DirectAccessLimit(System::nanoTime);

    private final LongSupplier clock;

    /** The times of the last reads of each name; the name that was read longest ago comes first. */
    private final LinkedHashMap<String, ArrayDeque<Long>> reads = new LinkedHashMap<>(16, 0.75f, true);

    /** @param clock in nanoseconds, monotonic, such as {@link System#nanoTime} */
    DirectAccessLimit(LongSupplier clock) {
        this.clock = clock;
    }

    /** Counts a read of a name in a store. The hash of a name is remembered: it may outlive the store that has it. */
    void count(String storeId, SecretName name) {
        count(storeId + '/' + name.hex());
    }

    /** Counts a read, or refuses it and says how long to wait. */
    synchronized void count(String name) {
        long now = clock.getAsLong();
        forgetOld(now);
        ArrayDeque<Long> times = reads.get(name);
        if (times == null) {
            if (reads.size() >= NAMES) {
                throw refused(WINDOW - (now - reads.firstEntry().getValue().getLast()));
            }
            times = new ArrayDeque<>(READS);
            reads.put(name, times);
        }
        while (!times.isEmpty() && now - times.getFirst() >= WINDOW) {
            times.removeFirst();
        }
        if (times.size() >= READS) {
            throw refused(WINDOW - (now - times.getFirst()));
        }
        times.addLast(now);
    }

    private void forgetOld(long now) {
        var names = reads.values().iterator();
        while (names.hasNext()) {
            Long last = names.next().peekLast();
            if (last != null && now - last < WINDOW) {
                return; // Those behind it were read later.
            }
            names.remove();
        }
    }

    private static MemGuardException refused(long nanos) {
        var wait = Duration.ofNanos(nanos);
        long seconds = Math.max(1, wait.plusMillis(999).toSeconds());
        return MemGuardException.rateLimited(
                "this secret was read directly " + READS + " times within a minute; wait " + seconds
                        + " s, or read it from the cache",
                wait);
    }
}
