package io.memguard;

/** What to do where the system does not let memory be locked. {@link #BEST_EFFORT} counts for the whole process. */
public enum MemoryPolicy {
    /** Plaintext and keys are in locked memory, or the call fails with {@link ErrorCode#SECURITY_ERROR}. The default. */
    REQUIRE_LOCKED,
    /** Go on unlocked: plaintext may then reach swap and core dumps. {@link MemoryUsage#unlockedBytes()} shows how much. */
    BEST_EFFORT
}
