package io.memguard.prove;

/** Random bytes that are left in a place on purpose, so that a search of it is known to find what is there. */
enum PositiveControl {
    HEAP,
    NATIVE,
    THREAD,
    EVENT,
    BEAN,
    LOG,
    STORED_FILE,
    TEMPORARY_FILE,
    ARGUMENT,
    VARIABLE;

    static final int SIZE = 32;

    /** What the canary is called. */
    String canary() {
        return "control " + name();
    }
}
