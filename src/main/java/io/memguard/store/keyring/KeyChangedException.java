package io.memguard.store.keyring;

import java.io.Serial;

/** The store has switched to another key since a value was encrypted: encrypt it again. */
public final class KeyChangedException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    KeyChangedException() {
        super("the store has another key by now", null, false, false);
    }
}
