package io.memguard.management;

import io.memguard.MemGuard;
import io.memguard.MemoryUsage;
import io.memguard.Stats;
import io.memguard.Status;

/**
 * The operations of a {@link MemGuard} for a caller that must never see plaintext: no method takes or returns a value, a key or
 * a passphrase. Thread-safe, like the store behind it.
 */
public interface MemGuardChannel {
    /** The channel to an open store, which it does not close. */
    static MemGuardChannel of(MemGuard guard) {
        return new StoreChannel(guard);
    }

    /** {@link Status#DONE}: it is in the cache now, read it there; else NOT_FOUND or RUST_NOT_READY. */
    Status retrieve(String name);

    /** {@link Status#DONE} or {@link Status#NO}. */
    Status contains(String name);

    /** {@link Status#DONE}, or {@link Status#NO} where there was none. */
    Status delete(String name);

    /** Figures of the store, with exactly eight keys. */
    Stats getStats();

    /** Removes the store with all values, names and the key; {@link Status#DONE}, else a CLEANUP_FAILED. */
    Status cleanupAll();

    /** Forgets what is in memory. */
    Status cleanupMemory();

    /** What is in memory at present. */
    MemoryUsage memoryUsage();
}
