package io.memguard.store;

import io.memguard.keys.KeyDescriptor;
import io.memguard.store.keyring.KeyNames;
import io.memguard.store.keyring.Metadata;
import java.util.List;
import java.util.Optional;

/**
 * What a store says about itself without a key.
 *
 * @param formatVersion of the files
 * @param storeId 32 hexadecimal digits
 * @param keys the provider that has the key
 * @param change the key change that is not finished, in words; empty where there is none
 * @param oldKeys the keys that are still to be destroyed, or that a copy of the store may need, in words
 */
public record StoreInfo(
        int formatVersion, String storeId, KeyDescriptor keys, Optional<Change> change, List<String> oldKeys) {
    /**
     * A key change that is under way, or was interrupted.
     *
     * @param what in words
     * @param remedy the commands that end it
     */
    public record Change(String what, String remedy) {}

    static StoreInfo of(Metadata metadata) {
        return new StoreInfo(
                Metadata.FORMAT,
                metadata.storeId(),
                metadata.keyRecord(),
                metadata.next().map(next -> change(metadata, next)),
                metadata.old().stream().map(old -> KeyNames.of(old.record())).toList());
    }

    private static Change change(Metadata metadata, Metadata.Next next) {
        String from = KeyNames.of(metadata.keyRecord());
        String to = KeyNames.of(next.key().record());
        if (next.abandoned()) {
            return new Change(
                    "the change from " + from + " to " + to
                            + " is being given up, and is not done: what opens the first" + " opens the store",
                    "memguard rekey --abort");
        }
        return new Change(
                "the change from " + from + " to " + to
                        + " is under way or was interrupted: until it is finished, what opens"
                        + " the first opens the store, and values are under both",
                "finish it with the key that it leads to (memguard rotate, or memguard rekey --to with the same key), or give"
                        + " it up (memguard rekey --abort)");
    }
}
