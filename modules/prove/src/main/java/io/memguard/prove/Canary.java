package io.memguard.prove;

/**
 * Bytes that are searched for.
 *
 * @param name for the report
 * @param kind what finding it means
 * @param bytes random, so that nothing else looks like them
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record Canary(String name, Kind kind, byte[] bytes) {
    enum Kind {
        /** Must not be found. */
        SECRET,
        /** In a buffer that the caller keeps open: in locked memory without core dumps, nowhere else. */
        HELD,
        /** Lies on the heap, as the documentation says. */
        ON_HEAP,
        /** Too short to be told from chance. */
        IGNORED,
        /** Must be found. */
        CONTROL
    }
}
