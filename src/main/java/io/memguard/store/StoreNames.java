package io.memguard.store;

import io.memguard.storage.EntryId;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.KeyringHolder;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * The names of the secrets of a store.
 *
 * @param readable sorted, each once; decoded when they are asked for
 * @param unreadable how many values have a name that is missing or damaged
 */
public record StoreNames(List<String> readable, int unreadable) {
    /** All names, decrypted, and others among them. */
    static StoreNames of(Storage storage, KeyringHolder keys, Iterable<String> others) throws IOException {
        var readable = new NameList.Builder();
        others.forEach(readable::add);
        int unreadable = 0;
        storage.requirePresent();
        try (var values = EntryIndex.of(storage, EntryId::isValue)) {
            for (EntryId value : values) {
                var name = nameOf(storage, keys, value);
                name.ifPresent(utf8 -> readable.add(MemorySegment.ofArray(utf8)));
                // A value is deleted before its name: one that is still there has no name that opens.
                unreadable += name.isPresent() || !storage.contains(value) ? 0 : 1;
            }
        }
        return new StoreNames(readable.sorted(), unreadable);
    }

    /** Nothing where the value is gone, or its name is missing or damaged. */
    private static Optional<byte[]> nameOf(Storage storage, KeyringHolder keys, EntryId id) throws IOException {
        return keys.with(now -> {
            Optional<byte[]> name = storage.name(id.name()).flatMap(found -> now.openName(id.hash(), found));
            if (name.isEmpty()) {
                keys.requireNewest(now); // Read again: the name may be under another key by now, too.
            }
            return name;
        });
    }
}
