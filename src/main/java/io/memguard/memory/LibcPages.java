package io.memguard.memory;

import static io.memguard.ffi.gen.linux.LinuxLibrary.*;

import io.memguard.ffi.Downcall;
import io.memguard.ffi.Downcall.Prepared;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** {@code mmap} and {@code mlock} of the C library: what is left where the native libraries can't be loaded. */
enum LibcPages implements Pages {
    INSTANCE;

    private static final long PAGE = 4096;
    private static final long FAILED = -1;
    private static final MemorySegment STATE = Downcall.allocateState(Arena.global()); // Read by none.

    @Override
    public @Nullable Block allocate(long size) {
        long middle = locked(size);
        MemorySegment base =
                mmap(MemorySegment.NULL, middle + 2 * PAGE, PROT_NONE(), MAP_PRIVATE() | MAP_ANONYMOUS(), -1, 0);
        if (base.address() == FAILED) {
            return null;
        }
        // At the end of its pages, so that an overrun of one byte hits the guard.
        var block = new Mapped(
                MemorySegment.ofAddress(base.address() + PAGE + middle - size).reinterpret(size), middle);
        if (!block.protect(Access.READ_WRITE)) {
            block.unmap.call();
            return null;
        }
        madvise(block.pages, middle, MADV_DONTDUMP());
        madvise(block.pages, middle, MADV_DONTFORK());
        return block;
    }

    @Override
    public long locked(long size) {
        return Math.max(1, (size + PAGE - 1) / PAGE) * PAGE;
    }

    private static final class Mapped implements Block {
        private final MemorySegment memory;
        private final MemorySegment pages; // The first page that belongs to it.
        private final long length;
        private final Prepared deny;
        private final Prepared allowReading;
        private final Prepared allowAll;
        private final Prepared wipe;
        private final Prepared unmap;

        Mapped(MemorySegment memory, long length) {
            this.memory = memory;
            this.length = length;
            this.pages = MemorySegment.ofAddress(memory.address() + memory.byteSize() - length);
            this.deny = protection(PROT_NONE());
            this.allowReading = protection(PROT_READ());
            this.allowAll = protection(PROT_READ() | PROT_WRITE());
            this.wipe = Downcall.prepare(STATE, explicit_bzero$address(), memory, memory.byteSize());
            this.unmap = Downcall.prepare(
                    STATE, munmap$address(), MemorySegment.ofAddress(pages.address() - PAGE), length + 2 * PAGE);
        }

        private Prepared protection(int flags) {
            return Downcall.prepare(STATE, mprotect$address(), pages, length, flags);
        }

        @Override
        public MemorySegment memory() {
            return memory;
        }

        @Override
        public int lock() {
            try (var arena = Arena.ofConfined()) {
                var state = Downcall.allocateState(arena);
                return Downcall.callIntKeepingErrno(state, mlock$address(), pages, length) == 0
                        ? 0
                        : Downcall.errno(state);
            }
        }

        @Override
        public boolean protect(Access access) {
            return (int) (switch (access) {
                                case NONE -> deny;
                                case READ -> allowReading;
                                case READ_WRITE -> allowAll;
                            })
                            .call()
                    == 0;
        }

        @Override
        public void free() {
            if (protect(Access.READ_WRITE)) {
                wipe.call();
            }
            unmap.call();
        }
    }
}
