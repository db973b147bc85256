package io.memguard.store;

import io.memguard.memory.OrdinaryMemory;
import io.memguard.storage.EntryId;
import io.memguard.storage.Storage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Predicate;

/**
 * The entries that a storage had when it was listed, of which there may be millions: 40 bytes each, in native memory. In their
 * natural order: a value is beside its name, and stripes ascend. For one thread.
 */
final class EntryIndex implements Iterable<EntryId>, AutoCloseable {
    private static final long NEXT = EntryId.HASH_SIZE; // of the same stripe
    private static final long IS_VALUE = NEXT + Integer.BYTES;
    private static final long ENTRY = IS_VALUE + Integer.BYTES;
    private static final int NONE = -1;

    private final int[] first = new int[EntryId.STRIPES];
    private Arena arena = Arena.ofConfined();
    private MemorySegment entries = OrdinaryMemory.allocate(1024 * ENTRY, arena);
    private int size;

    private EntryIndex() {
        Arrays.fill(first, NONE);
    }

    /** Lists the entries that match. */
    static EntryIndex of(Storage storage, Predicate<EntryId> filter) throws IOException {
        var index = new EntryIndex();
        try {
            storage.forEach(id -> {
                if (filter.test(id)) {
                    index.add(id);
                }
            });
            return index;
        } catch (Throwable failure) {
            index.close();
            throw failure;
        }
    }

    private void add(EntryId id) {
        long at = size * ENTRY;
        if (at == entries.byteSize()) {
            grow();
        }
        MemorySegment.copy(id.hash(), 0, entries, ValueLayout.JAVA_BYTE, at, EntryId.HASH_SIZE);
        int stripe = id.stripe();
        entries.set(ValueLayout.JAVA_INT, at + NEXT, first[stripe]);
        entries.set(ValueLayout.JAVA_INT, at + IS_VALUE, id.isValue() ? 1 : 0);
        first[stripe] = size++;
    }

    @SuppressWarnings("MustBeClosedChecker") // by close()
    private void grow() {
        var larger = Arena.ofConfined();
        var copy = OrdinaryMemory.allocate(2 * entries.byteSize(), larger);
        copy.copyFrom(entries);
        arena.close();
        arena = larger;
        entries = copy;
    }

    int size() {
        return size;
    }

    @Override
    public Iterator<EntryId> iterator() {
        return new Iterator<>() {
            private int stripe;
            private Iterator<EntryId> rest = List.<EntryId>of().iterator();

            @Override
            public boolean hasNext() {
                while (!rest.hasNext() && stripe < first.length) {
                    rest = ofStripe(stripe++).iterator();
                }
                return rest.hasNext();
            }

            @Override
            public EntryId next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return rest.next();
            }
        };
    }

    private List<EntryId> ofStripe(int stripe) {
        var ids = new ArrayList<EntryId>();
        for (int i = first[stripe]; i != NONE; i = entries.get(ValueLayout.JAVA_INT, i * ENTRY + NEXT)) {
            byte[] hash = entries.asSlice(i * ENTRY, EntryId.HASH_SIZE).toArray(ValueLayout.JAVA_BYTE);
            boolean isValue = entries.get(ValueLayout.JAVA_INT, i * ENTRY + IS_VALUE) != 0;
            ids.add(new EntryId(isValue ? EntryId.Kind.VALUE : EntryId.Kind.NAME, hash));
        }
        ids.sort(null);
        return ids;
    }

    @Override
    public void close() {
        arena.close();
    }
}
