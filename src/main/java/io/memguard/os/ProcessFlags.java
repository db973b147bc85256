package io.memguard.os;

import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.LinuxLibrary;
import java.io.IOException;

/** What the kernel has been told about this process; see prctl(2). */
public final class ProcessFlags {
    private ProcessFlags() {}

    /** Whether the kernel may write a core dump of it, and lets other processes of its user look into it. */
    public static boolean isDumpable() {
        return Downcall.callInt(LinuxLibrary.prctl.address(), LinuxLibrary.PR_GET_DUMPABLE()) == 1;
    }

    /** Ends that, until the next execve(2); its files in {@code /proc} belong to root from now on. */
    public static void forbidDumps() throws IOException {
        if (Downcall.callInt(LinuxLibrary.prctl.address(), LinuxLibrary.PR_SET_DUMPABLE(), 0L) != 0 || isDumpable()) {
            throw new IOException("prctl(PR_SET_DUMPABLE) failed");
        }
    }
}
