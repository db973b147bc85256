package io.memguard.store.keyring;

import io.memguard.keys.KeyDescriptor;

/**
 * A key that the metadata names.
 *
 * @param record how its provider finds it
 * @param folder the folder that it was made for, by {@link io.memguard.storage.Storage#identity}; empty in stores of earlier versions. A
 *     copy of a store is another folder: it must not destroy what the original still needs
 */
public record OwnedKey(KeyDescriptor record, String folder) {}
