package io.memguard.storage;

import java.io.IOException;

/** An entry as it was when it was opened, whatever becomes of it after the lock was released. */
public interface OpenEntry extends AutoCloseable {
    /** Its whole content, old or new, never a mixture; the caller closes it. Once. */
    Ciphertext read() throws IOException;

    /** When it was the current one. */
    Moment moment();

    @Override
    void close();
}
