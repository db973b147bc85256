package io.memguard.testkit;

import io.memguard.storage.Ciphertext;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.Generations;
import io.memguard.storage.LockedStore;
import io.memguard.storage.Moment;
import io.memguard.storage.NewEntry;
import io.memguard.storage.OpenEntry;
import io.memguard.storage.PreparedWrite;
import io.memguard.storage.Published;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The entries of a place, for work that holds their locks. */
record InMemoryEntries(InMemoryPlace place, Generations generations) implements LockedStore {
    @Override
    public Optional<OpenEntry> open(EntryId id) {
        long generation = generations.get(id.stripe());
        return Optional.ofNullable(place.entries.get(id))
                .map(stored -> new Opened(stored, new Moment(generation, stored.version(), true)));
    }

    private record Opened(InMemoryPlace.Stored stored, Moment moment) implements OpenEntry {
        @Override
        public Ciphertext read() {
            var copy = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, stored.sealed());
            return new Ciphertext() {
                @Override
                public MemorySegment bytes() {
                    return copy;
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void close() {}
    }

    @Override
    public Optional<byte[]> name(EntryId id) {
        return Optional.ofNullable(place.entries.get(id.name()))
                .map(stored -> stored.sealed().clone());
    }

    @Override
    public boolean contains(EntryId id) {
        return place.entries.containsKey(id);
    }

    @Override
    public Optional<Moment> moment(EntryId id) {
        long generation = generations.get(id.stripe());
        return Optional.ofNullable(place.entries.get(id)).map(stored -> new Moment(generation, stored.version(), true));
    }

    @Override
    public Fingerprint fingerprint(EntryId id) {
        var stored = place.entries.get(id);
        return stored == null ? Fingerprint.ABSENT : stored.fingerprint();
    }

    @Override
    public Fingerprint durableFingerprint(EntryId id) {
        return fingerprint(id);
    }

    @Override
    public PreparedWrite prepare(List<NewEntry> entries) throws IOException {
        return prepare(entries, true);
    }

    @Override
    public PreparedWrite prepareReencrypted(List<NewEntry> entries) throws IOException {
        return prepare(entries, false);
    }

    private PreparedWrite prepare(List<NewEntry> entries, boolean raising) throws IOException {
        Map<EntryId, InMemoryPlace.Stored> names = new TreeMap<>();
        Map<EntryId, Optional<InMemoryPlace.Stored>> values = new LinkedHashMap<>();
        for (NewEntry entry : entries) {
            var content = new InMemoryPlace.Stored[1];
            entry.content()
                    .fill(bytes -> content[0] =
                            new InMemoryPlace.Stored(bytes.toArray(ValueLayout.JAVA_BYTE), place.nextVersion()));
            if (entry.id().isValue()) {
                values.put(entry.id(), Optional.ofNullable(content[0]));
            } else if (content[0] != null) {
                names.put(entry.id(), content[0]);
            }
        }
        return new PreparedWrite() {
            @Override
            public Published publish() {
                place.entries.putAll(names);
                values.forEach((id, stored) -> {
                    if (raising) {
                        generations.raise(id.stripe());
                    }
                    stored.ifPresent(content -> place.entries.put(id, content));
                });
                return new Published(
                        values.keySet().stream()
                                .flatMap(id -> moment(id).stream())
                                .toList(),
                        Optional.empty());
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public boolean delete(EntryId value) {
        generations.raise(value.stripe());
        boolean there = place.entries.remove(value) != null;
        place.entries.remove(value.name());
        return there;
    }

    @Override
    public void makeDurable() {}

    @Override
    public long deleteAll() {
        generations.raiseAll();
        long values = place.entries.keySet().stream().filter(EntryId::isValue).count();
        place.entries.clear();
        return values;
    }
}
