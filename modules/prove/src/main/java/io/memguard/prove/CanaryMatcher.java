package io.memguard.prove;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/**
 * Finds any 8 consecutive bytes of any canary, in any of its {@link Encodings}, in one pass over what is searched.
 * Thread-safe.
 */
final class CanaryMatcher {
    /** The longest piece that is compared; so much of a chunk has to be seen again with the next one. */
    static final int LONGEST = 64;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long MIX = 0x9E3779B97F4A7C15L;
    private static final int FILTER_BITS = 24; // 2 MiB: fits into a cache, and lets one in fifty through.

    private final long[] filter = new long[1 << (FILTER_BITS - 6)];
    private final List<Canary> owners = new ArrayList<>();
    private final List<Encodings.Form> forms = new ArrayList<>();

    // A hash table with open addressing: the first 8 bytes of a window, and which window that is.
    private final int mask;
    private final long[] keys;
    private final int[] form; // Its index + 1; 0 is an empty place.
    private final int[] offset;

    CanaryMatcher(Collection<Canary> canaries) {
        long windows = 0;
        for (Canary canary : canaries) {
            if (canary.kind() == Canary.Kind.IGNORED) {
                continue;
            }
            for (Encodings.Form each : Encodings.of(canary.bytes())) {
                if (each.text().length >= each.window()) {
                    owners.add(canary);
                    forms.add(each);
                    windows += (each.text().length - each.window()) / each.step() + 1;
                }
            }
        }
        int size = Integer.highestOneBit((int) Math.max(1024, windows)) * 4;
        mask = size - 1;
        keys = new long[size];
        form = new int[size];
        offset = new int[size];
        for (int i = 0; i < forms.size(); i++) {
            Encodings.Form each = forms.get(i);
            for (int at = 0; at + each.window() <= each.text().length; at += each.step()) {
                add((long) LONG.get(each.text(), at), i, at);
            }
        }
    }

    private void add(long key, int index, int at) {
        int bit = (int) ((key * MIX) >>> (64 - FILTER_BITS));
        filter[bit >>> 6] |= 1L << bit;
        int place = slot(key);
        while (form[place] != 0) {
            place = (place + 1) & mask;
        }
        keys[place] = key;
        form[place] = index + 1;
        offset[place] = at;
    }

    private int slot(long key) {
        long mixed = key * MIX;
        return (int) (mixed ^ mixed >>> 29) & mask;
    }

    /** What is told of a find: a piece that begins {@code from} in the encoded secret is {@code at} in the chunk. */
    interface Finds {
        void found(Canary canary, String encoding, int from, int at);
    }

    /**
     * Looks at windows that begin from {@code begin} on and before {@code end}; up to {@link #LONGEST} bytes behind it are
     * there to compare.
     */
    void search(byte[] bytes, int begin, int end, int length, Finds finds) {
        int last = Math.min(end, length - Long.BYTES + 1);
        int at = begin;
        while (at + Long.SIZE <= last) {
            // Most of a core dump is pages that were never touched.
            if (isZero(bytes, at)) {
                at += Long.SIZE;
                continue;
            }
            for (long maybe = filtered(bytes, at); maybe != 0; maybe &= maybe - 1) {
                compare(bytes, at + Long.numberOfTrailingZeros(maybe), length, finds);
            }
            at += Long.SIZE;
        }
        for (; at < last; at++) {
            compare(bytes, at, length, finds);
        }
    }

    /** Whether 64 windows are. */
    private static boolean isZero(byte[] bytes, int from) {
        long all = 0;
        for (int at = from; at < from + Long.SIZE; at += Long.BYTES) {
            all |= (long) LONG.get(bytes, at);
        }
        return all == 0 && (long) LONG.get(bytes, from + Long.SIZE - 1) == 0;
    }

    /** Which of 64 windows are to be compared, a bit each: without a branch, so that the filter's words are fetched at once. */
    private long filtered(byte[] bytes, int from) {
        long maybe = 0;
        for (int i = 0; i < Long.SIZE; i++) {
            int bit = (int) (((long) LONG.get(bytes, from + i) * MIX) >>> (64 - FILTER_BITS));
            maybe |= (filter[bit >>> 6] >>> bit & 1) << i;
        }
        return maybe;
    }

    private void compare(byte[] bytes, int at, int length, Finds finds) {
        long word = (long) LONG.get(bytes, at);
        for (int place = slot(word); form[place] != 0; place = (place + 1) & mask) {
            if (keys[place] == word) {
                Encodings.Form each = forms.get(form[place] - 1);
                int from = offset[place];
                if (at + each.window() <= length
                        && Arrays.equals(bytes, at, at + each.window(), each.text(), from, from + each.window())) {
                    finds.found(owners.get(form[place] - 1), each.name(), from, at);
                }
            }
        }
    }
}
