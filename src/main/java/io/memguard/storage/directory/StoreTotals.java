package io.memguard.storage.directory;

import io.memguard.storage.EntryId;
import io.memguard.storage.Totals;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How many values there are, and how long their files: one count per stripe in a mapped file, so that no process has to
 * list a million files. Writers change a stripe's count under its lock, and mark it busy until that is done. A mark that stands although
 * the lock is free was left by a killed writer: that stripe is counted again, and its temporary file is cleared.
 *
 * <p>What the file says is believed only within one run of the machine, and only in the file that it was written to: a
 * power cut or a copy of the folder makes all counts unknown.
 */
final class StoreTotals {
    /** The version of a stripe whose files may change at any moment, or whose writer was killed: equal to nothing. */
    static final long CHANGING = 0;

    private static final long BUSY = 1;
    private static final long COUNTED = 2;
    private static final long VERSION = 4; // The rest of a stripe's state: raised with each change.

    // The file: a head, then three numbers for each stripe.
    private static final int BOOT = 0;
    private static final int FILE = 2;
    private static final int CLEAR = 3;
    private static final int HEAD = 4;
    private static final int STATE = 0;
    private static final int ITEMS = 1;
    private static final int BYTES = 2;
    private static final int FIELDS = 3;

    /** More than any stripe has, and so little that the sum of all stripes is a number. */
    private static final long MOST = 1L << 46;

    private static final int LENGTH = HEAD + FIELDS * EntryId.STRIPES;

    private final Path path;
    private final StoreLocks locks;
    private final BootId boot;
    private volatile MappedCounters counters;

    private StoreTotals(Path path, MappedCounters counters, StoreLocks locks, BootId boot) {
        this.path = path;
        this.counters = counters;
        this.locks = locks;
        this.boot = boot;
    }

    static StoreTotals open(Path path, StoreLocks locks) throws IOException {
        var totals = new StoreTotals(path, MappedCounters.open(path, LENGTH), locks, BootId.current());
        totals.requireBelievable();
        return totals;
    }

    /** Of a store that is only read, where none is asked for. */
    static StoreTotals none(StoreLocks locks) {
        return new StoreTotals(Path.of(""), MappedCounters.inMemory(LENGTH), locks, new BootId(0, 0));
    }

    private void requireBelievable() throws IOException {
        if (!isBelievable()) {
            locks.lockedWhole(() -> {
                if (!isBelievable()) {
                    forget();
                }
                return null;
            });
        }
    }

    private boolean isBelievable() {
        return counters.get(BOOT) == boot.high()
                && counters.get(BOOT + 1) == boot.low()
                && counters.get(FILE) == counters.inode();
    }

    /** Maps the file that is there now: a restore may have put another one in place, whose counts are not believed. */
    private void follow() throws IOException {
        if (!counters.isStill(path)) {
            counters = MappedCounters.open(path, LENGTH);
        }
    }

    /** Makes all counts unknown; under the lock of the whole store. */
    void forget() {
        setClear(false);
        for (int stripe = 0; stripe < EntryId.STRIPES; stripe++) {
            setState(stripe, (state(stripe) & -VERSION) + VERSION);
        }
        counters.set(BOOT, boot.high());
        counters.set(BOOT + 1, boot.low());
        counters.set(FILE, counters.inode());
    }

    /** Whether no writer left a temporary file behind, as far as is known. */
    boolean isClear() throws IOException {
        long[] all = counters.copy(); // One by one, they would take 20 ms in a JVM that has just started.
        for (int stripe = 0; stripe < EntryId.STRIPES; stripe++) {
            if ((all[index(stripe, STATE)] & BUSY) != 0) {
                int busy = stripe;
                locks.tryLocked(stripe, () -> {
                    recover(busy);
                    return null;
                });
            }
        }
        return counters.get(CLEAR) != 0;
    }

    void setClear(boolean clear) {
        counters.set(CLEAR, clear ? 1 : 0);
    }

    /** What a killed writer left; under the stripe's lock, where a mark can't be a living writer's. */
    private void recover(int stripe) {
        if ((state(stripe) & BUSY) != 0) {
            setClear(false);
            setState(stripe, (state(stripe) & -VERSION) + VERSION);
        }
    }

    /** From here on, until {@link #end}, the files of this stripe may change; under its lock. */
    void begin(int stripe) throws IOException {
        follow();
        recover(stripe);
        setState(stripe, state(stripe) + VERSION + BUSY);
    }

    /** Counts a change, between {@link #begin} and {@link #end}. */
    void add(int stripe, long items, long bytes) {
        counters.add(index(stripe, ITEMS), items);
        counters.add(index(stripe, BYTES), bytes);
    }

    void end(int stripe) {
        setState(stripe, state(stripe) + VERSION - BUSY);
    }

    /** A number that is the same only as long as no writer changes the stripe; {@link #CHANGING} while a writer is active. */
    long version(int stripe) {
        long state = state(stripe);
        return (state & BUSY) != 0 ? CHANGING : (state & -VERSION) + VERSION;
    }

    /** Whether a stripe has a count. */
    boolean isCounted(int stripe) {
        return (state(stripe) & COUNTED) != 0;
    }

    /** Sets a count, under the stripe's lock. */
    void set(int stripe, Totals count) {
        recover(stripe);
        counters.set(index(stripe, ITEMS), count.items());
        counters.set(index(stripe, BYTES), count.bytes());
        setState(stripe, ((state(stripe) & -VERSION) + VERSION) | COUNTED);
    }

    /** All counts together; nothing where one is unknown. */
    Optional<Totals> sum() throws IOException {
        follow();
        requireBelievable();
        long items = 0;
        long bytes = 0;
        for (int stripe = 0; stripe < EntryId.STRIPES; stripe++) {
            var count = get(stripe);
            if (count.isEmpty()) {
                return Optional.empty();
            }
            items += count.get().items();
            bytes += count.get().bytes();
        }
        return Optional.of(new Totals(items, bytes));
    }

    /** A stripe's count at one moment, where it is known; waits for a writer that is active. */
    private Optional<Totals> get(int stripe) throws IOException {
        long before = state(stripe);
        var count = read(stripe);
        if ((before & BUSY) != 0 || state(stripe) != before || !isPossible(count)) {
            return locks.locked(stripe, () -> {
                recover(stripe);
                if (!isPossible(read(stripe))) { // Another program has written into the file.
                    setState(stripe, (state(stripe) & -VERSION) + VERSION);
                }
                return isCounted(stripe) ? Optional.of(read(stripe)) : Optional.empty();
            });
        }
        return (before & COUNTED) != 0 ? Optional.of(count) : Optional.empty();
    }

    private static boolean isPossible(Totals count) {
        return count.items() >= 0 && count.items() <= MOST && count.bytes() >= 0 && count.bytes() <= MOST;
    }

    private Totals read(int stripe) {
        return new Totals(counters.get(index(stripe, ITEMS)), counters.get(index(stripe, BYTES)));
    }

    private long state(int stripe) {
        return counters.get(index(stripe, STATE));
    }

    private void setState(int stripe, long state) {
        counters.set(index(stripe, STATE), state);
    }

    private static int index(int stripe, int field) {
        return HEAD + FIELDS * stripe + field;
    }
}
