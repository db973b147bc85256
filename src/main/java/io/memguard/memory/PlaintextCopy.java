package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.mg_copy;

import java.lang.foreign.MemorySegment;

/**
 * Copies plaintext from one piece of protected memory to another. The JVM's own copying leaves the last bytes in vector
 * registers, which it saves to ordinary memory with the next thread state: they were found there.
 */
public final class PlaintextCopy {
    private static boolean linked; // Set once; a thread that does not see it yet does it again.

    private PlaintextCopy() {}

    /** Copies all of {@code from} to the beginning of {@code to}. */
    public static void copy(MemorySegment from, MemorySegment to) {
        if (to.isReadOnly()) {
            throw new IllegalArgumentException("a read-only segment can't be copied to");
        }
        if (!linked && NativeLibraries.isLoaded()) {
            StackRoom.requireForLinking();
            mg_copy(MemorySegment.NULL, MemorySegment.NULL, 0);
            linked = true;
        }
        if (NativeLibraries.isLoaded() && from.isNative() && to.isNative()) {
            NativeStatus.check(mg_copy(from, to.asSlice(0, from.byteSize()), from.byteSize()));
        } else {
            to.asSlice(0, from.byteSize()).copyFrom(from);
        }
    }
}
