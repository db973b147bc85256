package io.memguard.storage;

/**
 * The metadata of a store as it was read.
 *
 * @param content opaque to the storage
 * @param version the storage's own, compared by {@code equals}; another one for each content that was ever written
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
public record StoredMetadata(byte[] content, Object version) {}
