package io.memguard.prove;

/** When the search runs. */
public enum Phase {
    /** After everything was done that can be done with a store; no thread reads. */
    AT_REST("at rest"),
    /** A thread holds two values in a callback. */
    BORROW("in a borrow"),
    /** Eight threads store, read and delete, while the collector runs. */
    LOAD("under load"),
    /** The store is closed, the JVM still runs. */
    AFTER_CLOSE("after close");

    private final String title;

    Phase(String title) {
        this.title = title;
    }

    /** A few words for a table. */
    public String title() {
        return title;
    }
}
