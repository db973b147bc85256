package io.memguard.memory;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Where guarded memory comes from. */
interface Pages {
    /** What may be done with the memory at present. */
    enum Access {
        NONE,
        READ,
        READ_WRITE
    }

    /** An allocation. What changes and frees it takes no memory of the heap, so that it works where that is full. */
    interface Block {
        /** The bytes that were asked for. */
        MemorySegment memory();

        /** Keeps it out of swap and core dumps; else the number of the error, see errno(3). 0 where it worked. */
        int lock();

        /** Changes what may be done; false where the system refuses. */
        boolean protect(Access access);

        /** Wipes and unmaps, whatever the access is. Once. */
        void free();
    }

    /** libsodium's; or the C library's where the native libraries are absent and that is accepted. */
    static Pages current() {
        if (!NativeLibraries.isAbsenceAllowed()) {
            NativeLibraries.require();
        }
        return NativeLibraries.isLoaded() ? SodiumPages.INSTANCE : LibcPages.INSTANCE;
    }

    /** Maps memory between guard pages; null where there is none. */
    @Nullable
    Block allocate(long size);

    /** Whole pages that an allocation takes, in bytes. */
    long locked(long size);
}
