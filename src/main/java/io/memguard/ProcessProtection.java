package io.memguard;

import io.memguard.memory.LockedMemory;
import io.memguard.memory.NativeLibraries;
import io.memguard.os.ProcessFlags;
import io.memguard.os.ResourceLimits;
import java.io.IOException;
import java.time.Duration;

/**
 * What protects secrets in this process: it counts for all its stores and buffers, whichever code sets it. {@link
 * MemGuardBuilder} has the same settings for services that open one store. Thread-safe.
 */
public final class ProcessProtection {
    private static final Duration LONGEST_WAIT = Duration.ofHours(1);

    private ProcessProtection() {}

    /**
     * What is set at present.
     *
     * @param memory whether a secret may be in memory that is not locked
     * @param heapFallback whether stores work without the native libraries, see {@link #allowHeapFallback}
     * @param hardened whether the process is closed to core dumps and debuggers, see {@link #harden}
     */
    public record State(MemoryPolicy memory, boolean heapFallback, boolean hardened) {}

    /** What is set at present; changes nothing. */
    public static State state() {
        return new State(
                LockedMemory.isRequired() ? MemoryPolicy.REQUIRE_LOCKED : MemoryPolicy.BEST_EFFORT,
                NativeLibraries.isAbsenceAllowed(),
                !ProcessFlags.isDumpable() && ResourceLimits.coreDump().soft() == 0);
    }

    /**
     * Makes sure that secrets are in locked memory only, as they are unless {@link #allowUnlocked} was called.
     *
     * @throws MemGuardException {@link ErrorCode#SECURITY_ERROR} where unlocked memory was allowed: there is no way back
     */
    public static void requireLocked() {
        if (!LockedMemory.isRequired()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "this process has allowed unlocked memory, which has no way back; remove"
                            + " MemoryPolicy.BEST_EFFORT or ProcessProtection.allowUnlocked() and restart it");
        }
    }

    /** Goes on with unlocked memory where none can be locked. There is no way back: secrets may be there from then on. */
    public static void allowUnlocked() {
        LockedMemory.allowUnlocked();
    }

    /** How long a borrow waits at most for locked memory; see {@link MemGuardBuilder#lockedMemoryWait}. */
    public static void waitForLockedMemory(Duration longest) {
        LockedMemory.waitAtMost(checkedWait(longest));
    }

    /**
     * Goes on where the native libraries can't be loaded: stores that are opened by {@link MemGuardBuilder#allowDegraded}
     * work by JCA alone then, and values and keys pass over the heap. There is no way back.
     */
    public static void allowHeapFallback() {
        NativeLibraries.allowAbsence();
    }

    /**
     * Closes this process to core dumps (a limit of 0, inherited by the processes that it starts) and to debuggers and
     * {@code /proc/PID/mem}, {@code maps} or {@code environ} of all users but root (PR_SET_DUMPABLE 0, which ends when it
     * replaces itself by another program). There is no way back. Best called first in {@code main}; idempotent.
     *
     * <p>It disables core files, gdb, strace and external profilers, except for root. It does not stop what the JVM itself
     * does when asked: {@code jcmd}, agents that attach and heap dumps of the same user still work, unless it runs with
     * {@code -XX:+DisableAttachMechanism}.
     *
     * @throws MemGuardException {@link ErrorCode#SECURITY_ERROR} where the kernel, or a filter of system calls, refuses it
     */
    public static void harden() {
        try {
            ResourceLimits.forbidCoreDumps();
            ProcessFlags.forbidDumps();
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the process can't be hardened: " + e.getMessage()
                            + "; allow prctl and setrlimit in the seccomp filter of the container or the unit",
                    e);
        }
    }

    static Duration checkedWait(Duration longest) {
        if (longest == null || longest.isNegative() || longest.compareTo(LONGEST_WAIT) > 0) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "wait for locked memory from 0 to 1 hour");
        }
        return longest;
    }
}
