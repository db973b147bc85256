package io.memguard.memory;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.events.MemoryLimitEvent;
import io.memguard.os.Posix;
import io.memguard.os.ResourceLimits;
import java.time.Duration;

/** Says what to do where memory can't be locked. */
public final class LockedMemory {
    /** Longer than any callback should keep a secret. */
    public static final Duration DEFAULT_WAIT = Duration.ofSeconds(1);

    /** For as long as other borrows that wait get theirs. */
    private static final Duration DEFAULT_WAIT_IN_A_QUEUE = Duration.ofSeconds(30);

    private static final int NOT_PERMITTED = 1; // EPERM
    private static final int AGAIN = 11; // EAGAIN
    private static final int NO_MEMORY = 12; // ENOMEM
    private static final int DENIED = 13; // EACCES
    private static final int SYSTEM_FILES = 23; // ENFILE
    private static final int PROCESS_FILES = 24; // EMFILE
    private static final int NO_CALL = 38; // ENOSYS

    private static volatile boolean required = true;
    private static volatile long windowTimeoutNanos = DEFAULT_WAIT.toNanos();
    private static volatile long longestWait = DEFAULT_WAIT_IN_A_QUEUE.toNanos();

    private LockedMemory() {}

    /** Goes on with unlocked memory from now on, in the whole process; there is no way back. */
    public static void allowUnlocked() {
        required = false;
    }

    /** How long a thread that needs a window waits at most while all locked memory is lent; from now on, in the whole process. */
    public static void waitAtMost(Duration wait) {
        longestWait = wait.toNanos();
        windowTimeoutNanos = wait.toNanos();
    }

    /** How long to wait while no waiting thread gets memory; in nanoseconds. */
    static long windowTimeoutNanos() {
        return windowTimeoutNanos;
    }

    /** How long to wait in any case, in nanoseconds. */
    static long longestWait() {
        return longestWait;
    }

    /** Whether memory that can't be locked is refused. */
    public static boolean isRequired() {
        return required;
    }

    /**
     * The limit of locked memory is reached.
     *
     * @param need in bytes, what was asked for on top of what is locked already
     */
    static MemGuardException exhausted(long need) {
        var event = new MemoryLimitEvent();
        event.needed = need;
        event.commit();
        long limit = ResourceLimits.lockedMemory();
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "can't lock " + need + " bytes of memory: the limit (RLIMIT_MEMLOCK) is "
                        + (limit == ResourceLimits.UNLIMITED
                                ? "unlimited, so memory itself is short"
                                : limit + " bytes")
                        + "; raise it with LimitMEMLOCK= in the systemd unit, memlock in /etc/security/limits.conf or"
                        + " --ulimit memlock= of the container, or choose MemoryPolicy.BEST_EFFORT");
    }

    /** Whether this error, see errno(3), is what mlock(2) says where the limit is reached. */
    static boolean isLimit(int error) {
        return error == AGAIN || error == NO_MEMORY || (error == NOT_PERMITTED && ResourceLimits.lockedMemory() == 0);
    }

    /**
     * Protected memory was refused.
     *
     * @param error why, see errno(3)
     * @param need in bytes
     */
    static MemGuardException refused(int error, long need) {
        return isLimit(error) ? exhausted(need) : refused(error);
    }

    /** Protected memory was refused for another reason than the limit. */
    static MemGuardException refused(int error) {
        String remedy = switch (error) {
            case NOT_PERMITTED, DENIED, NO_CALL ->
                "a filter of system calls (seccomp) forbids it: allow mlock there (SystemCallFilter=@memlock in the"
                        + " systemd unit, the seccomp profile of the container), or choose MemoryPolicy.BEST_EFFORT";
            case PROCESS_FILES, SYSTEM_FILES ->
                "too many files are open: raise LimitNOFILE= in the systemd unit, or ulimit -n";
            case NO_MEMORY -> "close buffers, raise vm.max_map_count, or free memory";
            default -> "the system log may say more";
        };
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "the system refuses protected memory (" + Posix.errorText(error) + "); " + remedy);
    }

    /** mprotect(2) fails where splitting the pages exceeds vm.max_map_count. */
    static MemGuardException protectionFailed() {
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "can't change the protection of memory pages; close buffers or raise vm.max_map_count");
    }
}
