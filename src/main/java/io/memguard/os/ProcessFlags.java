package io.memguard.os;

import io.memguard.ffi.linux.LinuxLibrary;

/** What the kernel has been told about this process; see prctl(2). */
public final class ProcessFlags {
    private ProcessFlags() {}

    /** Whether the kernel may write a core dump of it, and lets other processes of its user look into it. */
    public static boolean isDumpable() {
        return LinuxLibrary.prctl.makeInvoker().apply(LinuxLibrary.PR_GET_DUMPABLE()) == 1;
    }
}
