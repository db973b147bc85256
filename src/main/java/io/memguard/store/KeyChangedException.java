package io.memguard.store;

import java.io.Serial;

/** The store has gone over to another key since a value was sealed: seal it again. */
public final class KeyChangedException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    KeyChangedException() {
        super("the store has another key by now", null, false, false);
    }
}
