package io.memguard.keys;

import java.util.List;
import java.util.Optional;

/**
 * Keeps a few bytes for each file of a store where an attacker who has the store's directory can't put older ones back: in
 * a token, say. They detect a file, or a whole directory, of an earlier time.
 *
 * <p>Contract for implementors: thread-safe, and shared by any number of processes; what {@link #put} and {@link #remove}
 * did is durable when they return, and seen by every later {@link #get} of any process. Calls for one id do not overlap. Values
 * are no secrets. Errors are {@link io.memguard.MemGuardException}s that say what to do.
 */
public interface RollbackRecords extends AutoCloseable {
    /** Bytes of an id. */
    int ID_SIZE = 32;

    /** The longest value, in bytes. */
    int MAX_VALUE = 128;

    /** The value of an id; nothing where there is none. */
    Optional<byte[]> get(String storeId, byte[] id);

    /** Keeps a value in place of the one before: a crash leaves one of them, or both after each other. */
    void put(String storeId, byte[] id, byte[] value);

    /** Forgets an id; nothing where it is not there. */
    void remove(String storeId, byte[] id);

    /** All ids of a store. */
    List<byte[]> ids(String storeId);

    /** Ends sessions and wipes a PIN. Idempotent. */
    @Override
    void close();
}
