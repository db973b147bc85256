package io.memguard.store;

import io.memguard.memory.OrdinaryMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.RandomAccess;

/**
 * Names in the order of {@link String#compareTo}, each once: as UTF-8 in native memory, 4 bytes each on the heap, so that a
 * million fit beside a small one. Immutable and thread-safe; lives as long as it can be reached.
 */
final class NameList extends AbstractList<String> implements RandomAccess {
    private static final ValueLayout.OfShort LENGTH = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final int CHUNK = 1 << 20;
    private static final int ALIGNMENT = 8; // so that an int tells where a name is among 16 GiB

    private final List<MemorySegment> chunks;
    private final int[] places;

    private NameList(List<MemorySegment> chunks, int[] places) {
        this.chunks = chunks;
        this.places = places;
    }

    /** Collects names in any order; not thread-safe. */
    static final class Builder {
        private final Arena arena = Arena.ofAuto();
        private final List<MemorySegment> chunks = new ArrayList<>();
        private int[] places = new int[16];
        private int size;
        private long end; // among all chunks

        void add(String name) {
            add(MemorySegment.ofArray(name.getBytes(StandardCharsets.UTF_8)));
        }

        /** Copies a name, in UTF-8. */
        void add(MemorySegment utf8) {
            long needed = LENGTH.byteSize() + utf8.byteSize();
            if (end % CHUNK + needed > CHUNK || end == (long) chunks.size() * CHUNK) {
                end = (long) chunks.size() * CHUNK;
                chunks.add(OrdinaryMemory.allocate(CHUNK, arena));
            }
            if (size == places.length) {
                places = Arrays.copyOf(places, size + size / 2);
            }
            places[size++] = Math.toIntExact(end / ALIGNMENT);
            var chunk = chunks.getLast();
            chunk.set(LENGTH, end % CHUNK, (short) utf8.byteSize());
            MemorySegment.copy(utf8, 0, chunk, end % CHUNK + LENGTH.byteSize(), utf8.byteSize());
            end += (needed + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }

        /** What was added; this must not be used any more. */
        NameList sorted() {
            var list = new NameList(chunks, places);
            list.sort(new int[size], 0, size);
            return new NameList(chunks, Arrays.copyOf(places, list.withoutDoubles(size)));
        }
    }

    @Override
    public String get(int index) {
        return new String(utf8(places[index]).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    @Override
    public int size() {
        return places.length;
    }

    private MemorySegment utf8(int place) {
        long at = (long) place * ALIGNMENT;
        var chunk = chunks.get((int) (at / CHUNK));
        return chunk.asSlice(at % CHUNK + LENGTH.byteSize(), chunk.get(LENGTH, at % CHUNK));
    }

    /** Merge sort: the JDK sorts numbers by nothing but their size. */
    private void sort(int[] room, int from, int to) {
        if (to - from < 2) {
            return;
        }
        int middle = (from + to) >>> 1;
        sort(room, from, middle);
        sort(room, middle, to);
        System.arraycopy(places, from, room, from, middle - from);
        int left = from;
        int right = middle;
        for (int i = from; left < middle; i++) {
            places[i] = right < to && compare(places[right], room[left]) < 0 ? places[right++] : room[left++];
        }
    }

    private int withoutDoubles(int size) {
        int kept = 0;
        for (int i = 0; i < size; i++) {
            if (kept == 0 || compare(places[kept - 1], places[i]) != 0) {
                places[kept++] = places[i];
            }
        }
        return kept;
    }

    private int compare(int a, int b) {
        var left = utf8(a);
        var right = utf8(b);
        long difference = left.mismatch(right);
        if (difference < 0) {
            return 0;
        }
        if (difference == Math.min(left.byteSize(), right.byteSize())) {
            return Long.compare(left.byteSize(), right.byteSize());
        }
        return Integer.compare(
                inOrderOfUtf16(left.get(ValueLayout.JAVA_BYTE, difference)),
                inOrderOfUtf16(right.get(ValueLayout.JAVA_BYTE, difference)));
    }

    /** UTF-16 has what is beyond its first plane, four bytes from F0 on, before U+E000, three bytes from EE on. */
    private static int inOrderOfUtf16(byte unit) {
        int value = unit & 0xFF;
        return value == 0xEE || value == 0xEF ? value + 0x10 : value;
    }
}
