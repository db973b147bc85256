package io.memguard.storage;

import java.io.IOException;

/** New content that needs nothing more to become visible: whatever may fail for lack of room has been done. */
public interface PreparedWrite extends AutoCloseable {
    /**
     * Makes it visible, then durable. Names come first, and are durable before a value is visible: a value is never without its
     * name. Each entry is old or new at any moment; the generation of a value is raised before it is replaced. Once.
     *
     * @return how many values are durable, and why not all
     * @throws NotDurableException where all that could be replaced is, but perhaps not durably
     * @throws IOException where no value was replaced
     */
    Published publish() throws IOException;

    /** Drops what was not published. */
    @Override
    void close();
}
