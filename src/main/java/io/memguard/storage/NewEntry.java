package io.memguard.storage;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** An entry that may get new content. */
public record NewEntry(EntryId id, Content content) {
    /** Makes the new content of one entry, on any thread, while the lock is held. */
    @FunctionalInterface
    public interface Content {
        /** Gives the content, or nothing where the entry is to stay as it is. */
        void fill(Slot slot) throws IOException;
    }

    /** Takes the content of one entry. */
    @FunctionalInterface
    public interface Slot {
        /** Takes it over when this returns: the memory may be freed then. Once. */
        void put(MemorySegment sealed) throws IOException;
    }

    /** With content that is known already. */
    public static NewEntry of(EntryId id, MemorySegment sealed) {
        return new NewEntry(id, slot -> slot.put(sealed));
    }
}
