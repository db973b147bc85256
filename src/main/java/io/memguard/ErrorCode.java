package io.memguard;

/** What went wrong, in the words that callers, scripts and dashboards rely on. Codes are never renamed or reused. */
public enum ErrorCode {
    /** The key is missing, replaced, or can't be used: wrong passphrase, no container, token without the key. */
    KEY_INVALID(10),
    /** Something is not as secure as it has to be, and going on would hide it. */
    SECURITY_ERROR(11),
    /** Too many emergency reads of one name; {@link MemGuardException#retryAfter()} says how long to wait. */
    RATE_LIMIT_EXCEEDED(12),
    /** A value is there but could not be read, for instance a damaged file. */
    RETRIEVE_FAILED(13),
    /** A value could not be stored; the one stored before is untouched. */
    STORE_FAILED(14),
    /** A value could not be deleted. */
    DELETE_FAILED(15),
    /** Could not determine whether a value exists. */
    CONTAINS_FAILED(16),
    /** Figures could not be collected. */
    GETSTATS_FAILED(17),
    /** Not everything could be removed; the message counts what is left. */
    CLEANUP_FAILED(18),
    /** An argument is outside of what the method takes. */
    INVALID_ARGUMENTS(19);

    private final int exitStatus;

    ErrorCode(int exitStatus) {
        this.exitStatus = exitStatus;
    }

    /** The command line's exit status for this code: 10 to 19; never changes. */
    public int exitStatus() {
        return exitStatus;
    }
}
