package io.memguard.memory;

import static io.memguard.ffi.sodium.SodiumLibrary.*;

import java.lang.foreign.MemorySegment;

/** {@code sodium_malloc}: guard pages, and a canary in front that is checked when it is freed. */
enum SodiumPages implements Pages {
    INSTANCE;

    private static final long PAGE = 4096;
    private static final long CANARY = 16;

    @Override
    public MemorySegment allocate(long size) {
        MemorySegment pointer = sodium_malloc(size);
        return pointer.equals(MemorySegment.NULL) ? pointer : pointer.reinterpret(size);
    }

    /** Again, since sodium_malloc does not tell whether its own attempt worked. Idle windows make room where they can. */
    @Override
    public boolean lock(MemorySegment memory) {
        return sodium_mlock(memory, memory.byteSize()) == 0
                || (Windows.trim() > 0 && sodium_mlock(memory, memory.byteSize()) == 0);
    }

    @Override
    public boolean protect(MemorySegment memory, Access access) {
        return switch (access) {
                    case NONE -> sodium_mprotect_noaccess(memory);
                    case READ -> sodium_mprotect_readonly(memory);
                    case READ_WRITE -> sodium_mprotect_readwrite(memory);
                }
                == 0;
    }

    @Override
    public void free(MemorySegment memory) {
        sodium_free(memory);
    }

    @Override
    public long locked(long size) {
        return (size + CANARY + PAGE - 1) / PAGE * PAGE;
    }
}
