package io.memguard.store;

import io.memguard.memory.OrdinaryMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Predicate;

/**
 * The files of the secrets that a directory had when it was listed, of which there may be millions: 40 bytes each, in native
 * memory. In the order of their names: a value is beside its name, and stripes ascend. For one thread.
 */
final class FileIndex implements Iterable<String>, AutoCloseable {
    private static final long HASH = 32;
    private static final long NEXT = HASH; // of the same stripe
    private static final long IS_VALUE = NEXT + Integer.BYTES;
    private static final long ENTRY = IS_VALUE + Integer.BYTES;
    private static final int NONE = -1;

    private final int[] first = new int[StoreLocks.STRIPES];
    private Arena arena = Arena.ofConfined();
    private MemorySegment entries = OrdinaryMemory.allocate(1024 * ENTRY, arena);
    private int size;

    private FileIndex() {
        Arrays.fill(first, NONE);
    }

    /** Lists the files of secrets that match. */
    static FileIndex of(StoreDirectory directory, Predicate<String> filter) throws IOException {
        var index = new FileIndex();
        try {
            directory.forEach(file -> {
                if (StoreLayout.hex(file).isPresent() && filter.test(file)) {
                    index.add(file);
                }
            });
            return index;
        } catch (Throwable failure) {
            index.close();
            throw failure;
        }
    }

    private void add(String file) {
        long at = size * ENTRY;
        if (at == entries.byteSize()) {
            grow();
        }
        byte[] hash = HexFormat.of().parseHex(StoreLayout.hex(file).orElseThrow());
        MemorySegment.copy(hash, 0, entries, ValueLayout.JAVA_BYTE, at, hash.length);
        int stripe = SecretName.stripe(hash);
        entries.set(ValueLayout.JAVA_INT, at + NEXT, first[stripe]);
        entries.set(ValueLayout.JAVA_INT, at + IS_VALUE, StoreLayout.isValue(file) ? 1 : 0);
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
    public Iterator<String> iterator() {
        return new Iterator<>() {
            private int stripe;
            private Iterator<String> files = List.<String>of().iterator();

            @Override
            public boolean hasNext() {
                while (!files.hasNext() && stripe < first.length) {
                    files = ofStripe(stripe++).iterator();
                }
                return files.hasNext();
            }

            @Override
            public String next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return files.next();
            }
        };
    }

    private List<String> ofStripe(int stripe) {
        var files = new ArrayList<String>();
        for (int i = first[stripe]; i != NONE; i = entries.get(ValueLayout.JAVA_INT, i * ENTRY + NEXT)) {
            byte[] hash = entries.asSlice(i * ENTRY, HASH).toArray(ValueLayout.JAVA_BYTE);
            boolean isValue = entries.get(ValueLayout.JAVA_INT, i * ENTRY + IS_VALUE) != 0;
            files.add(StoreLayout.file(HexFormat.of().formatHex(hash), isValue));
        }
        files.sort(null);
        return files;
    }

    @Override
    public void close() {
        arena.close();
    }
}
