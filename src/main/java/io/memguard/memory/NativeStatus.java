package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;

/** Turns status numbers of the Rust library into exceptions: nothing above this package sees a number. */
final class NativeStatus {
    private NativeStatus() {}

    /** Returns non-negative results unchanged. */
    static long check(long status) {
        if (status < 0) {
            throw failure(status, 0);
        }
        return status;
    }

    /**
     * The exception for a negative status.
     *
     * @param need in bytes, for a message about locked memory
     */
    static RuntimeException failure(long status, long need) {
        if (status == MG_ERR_LOCKED_MEMORY()) {
            return LockedMemory.exhausted(need);
        }
        if (status == MG_ERR_NO_WINDOW()) {
            return error(MG_WINDOW_COUNT()
                    + " secrets are borrowed at once, which is the most there may be; end some borrows first");
        }
        if (status == MG_ERR_OUT_OF_MEMORY()) {
            return error("out of native memory");
        }
        if (status == MG_ERR_AUTHENTICATION()) {
            return error("a sealed value in memory was changed from outside; restart the process");
        }
        if (status == MG_ERR_FORKED()) {
            return error("this process was forked; the child must start a program of its own (execve) before it can"
                    + " use secrets");
        }
        if (status == MG_ERR_SYSTEM()) {
            return error(
                    "the operating system gives no random bytes, or another library in the process takes over the memory"
                            + " of cryptographic keys (OPENSSL_memory_alloc); start without it");
        }
        if (status == MG_ERR_STACK()) {
            throw StackRoom.error();
        }
        if (status < MG_ERR_REFUSED()) {
            return LockedMemory.refused((int) (MG_ERR_REFUSED() - status));
        }
        return new IllegalStateException("memguard_ffi: unexpected status " + status);
    }

    private static MemGuardException error(String message) {
        return new MemGuardException(ErrorCode.SECURITY_ERROR, message);
    }
}
