package io.memguard.keys;

/**
 * A key that was just made.
 *
 * @param key ready for use; the receiver closes it
 * @param record how to open it again
 */
public record CreatedKey(StoreKey key, KeyDescriptor record) {}
