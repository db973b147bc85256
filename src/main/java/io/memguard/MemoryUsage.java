package io.memguard;

import io.memguard.memory.GuardedMemory;
import io.memguard.memory.SealedCache;
import java.util.Optional;

/**
 * What the library holds in memory at one moment.
 *
 * @param items values in this {@link MemGuard}'s cache
 * @param valueBytes their lengths together
 * @param sealedBytes ordinary memory that they take, encrypted
 * @param windowsInUse secrets lent at present, in the whole process
 * @param lockedBytes locked memory of this library, in the whole process
 * @param unlockedBytes memory that should be locked and is not, by {@link MemoryPolicy#BEST_EFFORT}
 * @param protection where the process key is
 * @param hardened whether this process is closed to core dumps and debuggers; see {@link MemGuard#hardenProcess()}
 */
public record MemoryUsage(
        long items,
        long valueBytes,
        long sealedBytes,
        long windowsInUse,
        long lockedBytes,
        long unlockedBytes,
        Protection protection,
        boolean hardened) {

    /** @param usage of the native cache; empty in the degraded state, in which only buffers hold something */
    static MemoryUsage of(Optional<SealedCache.Usage> usage, boolean hardened) {
        long locked = GuardedMemory.lockedBytes();
        long unlocked = GuardedMemory.unlockedBytes();
        return usage.map(cache -> new MemoryUsage(
                        cache.items(),
                        cache.valueBytes(),
                        cache.sealedBytes(),
                        cache.windowsInUse(),
                        cache.lockedBytes() + locked,
                        cache.unlockedBytes() + unlocked,
                        Protection.of(cache.memoryKind()),
                        hardened))
                .orElseGet(() -> new MemoryUsage(0, 0, 0, 0, locked, unlocked, Protection.NONE, hardened));
    }

    /** Kinds of memory for keys and plaintext, the strongest first. */
    public enum Protection {
        /** memfd_secret(2): no other process, not even root, can read it; never swapped, never in a core dump. */
        MEMFD_SECRET,
        /** mlock(2) and guard pages: never swapped, not in core dumps. */
        LOCKED,
        /** Guard pages only, by {@link MemoryPolicy#BEST_EFFORT}. */
        UNLOCKED,
        /** There is no process key: the native library is not loaded (the degraded state). */
        NONE;

        private static Protection of(int kind) {
            return switch (kind) {
                case SealedCache.MEMFD_SECRET -> MEMFD_SECRET;
                case SealedCache.LOCKED -> LOCKED;
                default -> UNLOCKED;
            };
        }
    }
}
