package io.memguard.os;

import io.memguard.ffi.linux.LinuxLibrary;
import io.memguard.ffi.linux.rlimit;
import java.lang.foreign.Arena;

/** Limits of this process; see getrlimit(2). */
public final class ResourceLimits {
    /** No limit. */
    public static final long UNLIMITED = -1;

    private ResourceLimits() {}

    /** How much memory this process may lock, in bytes (the soft RLIMIT_MEMLOCK), or {@link #UNLIMITED}. */
    public static long lockedMemory() {
        try (var arena = Arena.ofConfined()) {
            var limit = rlimit.allocate(arena);
            if (LinuxLibrary.getrlimit(LinuxLibrary.RLIMIT_MEMLOCK(), limit) != 0) {
                throw new IllegalStateException("getrlimit(RLIMIT_MEMLOCK) failed");
            }
            return rlimit.rlim_cur(limit);
        }
    }
}
