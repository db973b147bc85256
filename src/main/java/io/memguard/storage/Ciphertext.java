package io.memguard.storage;

import java.lang.foreign.MemorySegment;

/** The content of an entry, in memory until it is closed. */
public interface Ciphertext extends AutoCloseable {
    /** The sealed bytes; none where what is stored is damaged in a way that the storage sees. */
    MemorySegment bytes();

    /** Frees the memory. */
    @Override
    void close();
}
