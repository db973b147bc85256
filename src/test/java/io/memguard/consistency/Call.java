package io.memguard.consistency;

/**
 * One call on one secret, as its caller saw it. Times are of CLOCK_MONOTONIC, which all processes of a machine share.
 *
 * @param value what was stored or read, {@link #ABSENT} for nothing; for the others 1 or 0 for what they answered
 * @param end when it returned, or when its process was seen dead
 * @param returned whether it did: a call of a killed process may have worked or not
 */
record Call(Kind kind, long value, long start, long end, boolean returned) {
    static final long ABSENT = 0;

    enum Kind {
        STORE,
        READ,
        DELETE,
        CONTAINS
    }

    /** Whether it may have changed something. */
    boolean changes() {
        return kind == Kind.STORE || (kind == Kind.DELETE && (value != 0 || !returned));
    }

    /** Whether it may have happened while the secret held this. */
    boolean fits(long held) {
        return switch (kind) {
            case STORE -> true;
            case READ -> held == value;
            case DELETE -> !returned || (held != ABSENT) == (value != 0);
            case CONTAINS -> (held != ABSENT) == (value != 0);
        };
    }

    /** What the secret holds afterwards. */
    long after(long held) {
        return switch (kind) {
            case STORE -> value;
            case DELETE -> ABSENT;
            case READ, CONTAINS -> held;
        };
    }
}
