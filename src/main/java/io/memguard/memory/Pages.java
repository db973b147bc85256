package io.memguard.memory;

import java.lang.foreign.MemorySegment;

/** Where guarded memory comes from. */
interface Pages {
    /** What may be done with the memory at present. */
    enum Access {
        NONE,
        READ,
        READ_WRITE
    }

    /** libsodium's; or the C library's where the native libraries are absent and that is accepted. */
    static Pages current() {
        if (!NativeLibraries.isAbsenceAllowed()) {
            NativeLibraries.require();
        }
        return NativeLibraries.isLoaded() ? SodiumPages.INSTANCE : LibcPages.INSTANCE;
    }

    /** Maps memory between guard pages; {@code MemorySegment.NULL} where there is none. */
    MemorySegment allocate(long size);

    /** Keeps it out of swap and core dumps; false where the limit is reached. */
    boolean lock(MemorySegment memory);

    /** Changes what may be done; false where the system refuses. */
    boolean protect(MemorySegment memory, Access access);

    /** Wipes and unmaps, whatever the access is. */
    void free(MemorySegment memory);

    /** Whole pages that an allocation takes, in bytes. */
    long locked(long size);
}
