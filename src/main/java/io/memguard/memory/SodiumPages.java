package io.memguard.memory;

import static io.memguard.ffi.gen.sodium.SodiumLibrary.*;

import io.memguard.ffi.Downcall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** {@code sodium_malloc}: guard pages, and a canary in front that is checked when it is freed. */
enum SodiumPages implements Pages {
    INSTANCE;

    private static final long PAGE = 4096;
    private static final long CANARY = 16;

    @Override
    public @Nullable Block allocate(long size) {
        MemorySegment none = sodium_free$address(); // Found before there is something to free.
        long address = Downcall.callLong(sodium_malloc$address(), size);
        if (address == 0) {
            return null;
        }
        try {
            return new Allocated(address, MemorySegment.ofAddress(address).reinterpret(size));
        } catch (Throwable failure) {
            Downcall.callOneWord(none, address);
            throw failure;
        }
    }

    @Override
    public long locked(long size) {
        return (size + CANARY + PAGE - 1) / PAGE * PAGE;
    }

    private record Allocated(long address, MemorySegment memory) implements Block {
        /** Again, since sodium_malloc does not tell whether its own attempt worked. Idle windows make room where they can. */
        @Override
        public int lock() {
            try (var arena = Arena.ofConfined()) {
                var state = Downcall.allocateState(arena);
                var call = Downcall.prepare(state, sodium_mlock$address(), memory, memory.byteSize());
                if ((int) call.call() == 0) {
                    return 0;
                }
                int error = Downcall.errno(state);
                if (LockedMemory.isLimit(error) && Windows.trim() > 0 && (int) call.call() == 0) {
                    return 0;
                }
                return error;
            }
        }

        @Override
        public boolean protect(Access access) {
            return Downcall.callOneWord(
                            switch (access) {
                                case NONE -> sodium_mprotect_noaccess$address();
                                case READ -> sodium_mprotect_readonly$address();
                                case READ_WRITE -> sodium_mprotect_readwrite$address();
                            },
                            address)
                    == 0;
        }

        @Override
        public void free() {
            Downcall.callOneWord(sodium_free$address(), address);
        }
    }
}
