package io.memguard.prove;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/**
 * Finds any 8 consecutive bytes of any canary, in any of its {@link Encodings}, in one pass over whatever is looked at.
 * Thread-safe.
 */
final class Needles {
    /** The longest piece that is compared; so much of a chunk has to be seen again with the next one. */
    static final int LONGEST = 64;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final byte[] ZEROS = new byte[4096];
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

    Needles(Collection<Canary> canaries) {
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

    /** What is told of a find: a piece that begins {@code from} in the encoded secret lies {@code at} in the chunk. */
    interface Finds {
        void found(Canary canary, String encoding, int from, int at);
    }

    /** Looks at windows that begin before {@code end}; up to {@link #LONGEST} bytes behind it are there to compare. */
    void search(byte[] bytes, int end, int length, Finds finds) {
        int last = Math.min(end, length - Long.BYTES + 1);
        for (int at = 0; at < last; at++) {
            long word = (long) LONG.get(bytes, at);
            if (word == 0) {
                // Most of a core dump is pages that nobody ever touched.
                while (at + ZEROS.length < last
                        && Arrays.equals(bytes, at, at + ZEROS.length, ZEROS, 0, ZEROS.length)) {
                    at += ZEROS.length - Long.BYTES;
                }
                while (at + 2 * Long.BYTES < last && (long) LONG.get(bytes, at + Long.BYTES) == 0) {
                    at += Long.BYTES;
                }
                at += 3; // Nothing random begins with five zeros.
                continue;
            }
            int bit = (int) ((word * MIX) >>> (64 - FILTER_BITS));
            if ((filter[bit >>> 6] >>> bit & 1) != 0) {
                compare(word, bytes, at, length, finds);
            }
        }
    }

    private void compare(long word, byte[] bytes, int at, int length, Finds finds) {
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
