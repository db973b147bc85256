package io.memguard.prove;

/** A place can't be searched on this machine; the message says why, and how to get there. */
final class Unavailable extends Exception {
    private static final long serialVersionUID = 1;

    Unavailable(String message) {
        super(message);
    }
}
