package io.memguard.memory;

import static io.memguard.ffi.gen.linux.LinuxLibrary.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Native memory for what is not secret and may be large, such as ciphertext. What an arena allocates itself is counted by
 * the JVM, which allows as much of it as heap, or is filled with zeros first.
 */
public final class OrdinaryMemory {
    private static final long FAILED = -1;

    private OrdinaryMemory() {}

    /**
     * Maps zeroed memory, which belongs to the arena.
     *
     * @throws OutOfMemoryError where the system has none
     */
    public static MemorySegment allocate(long size, Arena arena) {
        long mapped = Math.max(1, size);
        var memory =
                mmap(MemorySegment.NULL, mapped, PROT_READ() | PROT_WRITE(), MAP_PRIVATE() | MAP_ANONYMOUS(), -1, 0);
        if (memory.address() == FAILED) {
            throw new OutOfMemoryError("the system has no " + size + " bytes of memory");
        }
        return memory.reinterpret(mapped, arena, all -> munmap(all, mapped)).asSlice(0, size);
    }
}
