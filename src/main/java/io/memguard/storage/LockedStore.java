package io.memguard.storage;

import java.io.IOException;

/** All entries, under the lock of the whole store. */
public interface LockedStore extends LockedStorage {
    /** Makes durable what is there now. */
    void makeDurable() throws IOException;

    /**
     * Deletes all values, then all names and what killed writers left, each durable before the next; every cached value is out of
     * date before that.
     *
     * @return how many values there were
     */
    long deleteAll() throws IOException;
}
