package io.memguard.storage;

import java.io.IOException;
import java.io.Serial;
import java.util.Objects;

/** What was written is in place, but may be what it was before again after a power cut. */
public final class NotDurableException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    private final IOException reason;

    public NotDurableException(IOException reason) {
        super(reason);
        this.reason = reason;
    }

    /** Why it could not be made durable. */
    public IOException reason() {
        return Objects.requireNonNull(reason);
    }
}
