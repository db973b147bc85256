package io.memguard.os;

import io.memguard.ffi.gen.linux.LinuxLibrary;
import io.memguard.ffi.gen.linux.rlimit;
import java.io.IOException;
import java.lang.foreign.Arena;

/** Limits of this process; see getrlimit(2). */
public final class ResourceLimits {
    /** No limit. */
    public static final long UNLIMITED = -1;

    private ResourceLimits() {}

    /**
     * A limit.
     *
     * @param soft what counts, or {@link #UNLIMITED}
     * @param hard how far this process may raise it by itself, or {@link #UNLIMITED}
     */
    public record Limit(long soft, long hard) {}

    /** How much memory this process may lock, in bytes (the soft RLIMIT_MEMLOCK), or {@link #UNLIMITED}. */
    public static long lockedMemory() {
        return lockedMemoryLimit().soft();
    }

    /** How much memory this process may lock, in bytes (RLIMIT_MEMLOCK). */
    public static Limit lockedMemoryLimit() {
        return limit(LinuxLibrary.RLIMIT_MEMLOCK());
    }

    /** How large a core dump may be, in bytes (RLIMIT_CORE). */
    public static Limit coreDump() {
        return limit(LinuxLibrary.RLIMIT_CORE());
    }

    /** No core dump is written from now on, of this process and of those it starts; only root can undo it. */
    public static void forbidCoreDumps() throws IOException {
        try (var arena = Arena.ofConfined()) {
            var none = rlimit.allocate(arena); // Zeros.
            if (LinuxLibrary.setrlimit(LinuxLibrary.RLIMIT_CORE(), none) != 0) {
                throw new IOException("setrlimit(RLIMIT_CORE) failed");
            }
        }
    }

    /** Sets the soft limit of core dumps, in bytes or {@link #UNLIMITED}, as far as the hard one allows. */
    public static void setCoreDump(long soft) {
        try (var arena = Arena.ofConfined()) {
            var limit = rlimit.allocate(arena);
            rlimit.rlim_cur(limit, soft);
            rlimit.rlim_max(limit, coreDump().hard());
            LinuxLibrary.setrlimit(LinuxLibrary.RLIMIT_CORE(), limit); // Where it is refused, it stays lower.
        }
    }

    private static Limit limit(int resource) {
        try (var arena = Arena.ofConfined()) {
            var limit = rlimit.allocate(arena);
            if (LinuxLibrary.getrlimit(resource, limit) != 0) {
                throw new IllegalStateException("getrlimit failed");
            }
            return new Limit(rlimit.rlim_cur(limit), rlimit.rlim_max(limit));
        }
    }
}
