package io.memguard.store.keyring;

import io.memguard.keys.StoreContext;
import java.io.IOException;
import java.util.Optional;

/**
 * Where the metadata is, and the number by which every process notices that it changed. The number is the
 * {@link Metadata#keyEpoch} of the metadata that is there, or {@link #CHANGING}.
 */
public interface KeyringStorage {
    /** The metadata may be replaced at any moment, or the process that replaced it was killed: read the metadata. */
    long CHANGING = 0;

    /** The bytes of the metadata; nothing where there is none. */
    Optional<byte[]> metadata() throws IOException;

    /** Replaces the metadata, atomically and durably. Called under the lock of the whole store. */
    void replaceMetadata(byte[] content) throws IOException;

    /** Removes the metadata durably. Called under the lock of the whole store. */
    void removeMetadata() throws IOException;

    /** Makes durable which metadata is there now. */
    void syncMetadata() throws IOException;

    /** The shared number. */
    long keyEpoch();

    /** Sets the shared number. Called under any lock of the store, which a change of the metadata excludes. */
    void keyEpoch(long number);

    /** The store, for a provider. */
    StoreContext context(String storeId);

    /** Tells this folder from every copy of it, as far as the file system can; 32 hexadecimal digits. */
    String identity();
}
