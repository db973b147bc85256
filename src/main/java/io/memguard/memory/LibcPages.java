package io.memguard.memory;

import static io.memguard.ffi.linux.LinuxLibrary.*;

import java.lang.foreign.MemorySegment;

/** {@code mmap} and {@code mlock} of the C library: what is left where the native libraries can't be loaded. */
enum LibcPages implements Pages {
    INSTANCE;

    private static final long PAGE = 4096;
    private static final long FAILED = -1;

    @Override
    public MemorySegment allocate(long size) {
        long middle = locked(size);
        MemorySegment base =
                mmap(MemorySegment.NULL, middle + 2 * PAGE, PROT_NONE(), MAP_PRIVATE() | MAP_ANONYMOUS(), -1, 0);
        if (base.address() == FAILED) {
            return MemorySegment.NULL;
        }
        // At the end of its pages, so that an overrun of one byte hits the guard.
        MemorySegment memory =
                MemorySegment.ofAddress(base.address() + PAGE + middle - size).reinterpret(size);
        if (!protect(memory, Access.READ_WRITE)) {
            unmap(memory);
            return MemorySegment.NULL;
        }
        madvise(pages(memory), middle, MADV_DONTDUMP());
        madvise(pages(memory), middle, MADV_DONTFORK());
        return memory;
    }

    @Override
    public boolean lock(MemorySegment memory) {
        return mlock(pages(memory), locked(memory.byteSize())) == 0;
    }

    @Override
    public boolean protect(MemorySegment memory, Access access) {
        int flags = switch (access) {
            case NONE -> PROT_NONE();
            case READ -> PROT_READ();
            case READ_WRITE -> PROT_READ() | PROT_WRITE();
        };
        return mprotect(pages(memory), locked(memory.byteSize()), flags) == 0;
    }

    @Override
    public void free(MemorySegment memory) {
        if (protect(memory, Access.READ_WRITE)) {
            explicit_bzero(memory, memory.byteSize());
        }
        unmap(memory);
    }

    @Override
    public long locked(long size) {
        return Math.max(1, (size + PAGE - 1) / PAGE) * PAGE;
    }

    private void unmap(MemorySegment memory) {
        long middle = locked(memory.byteSize());
        munmap(MemorySegment.ofAddress(pages(memory).address() - PAGE), middle + 2 * PAGE);
    }

    /** The first page that belongs to it. */
    private MemorySegment pages(MemorySegment memory) {
        return MemorySegment.ofAddress(memory.address() + memory.byteSize() - locked(memory.byteSize()));
    }
}
