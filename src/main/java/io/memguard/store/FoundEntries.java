package io.memguard.store;

import java.util.ArrayList;
import java.util.List;

/** Entries that something was found about: how many, and what the first are called; a damaged store may have millions. */
public final class FoundEntries {
    /** So many are named. */
    private static final int NAMED = 5;

    private final List<String> first = new ArrayList<>();
    private long count;

    /** @param entry as the storage calls it, which says nothing of a secret */
    void add(String entry) {
        count++;
        if (first.size() < NAMED) {
            first.add(entry);
        }
    }

    /** Whether there are none. */
    public boolean isEmpty() {
        return count == 0;
    }

    /** How many there are, and the first of them. */
    public String among(long all) {
        return count + " of " + all + " files (" + String.join(", ", first) + (count > NAMED ? ", …)" : ")");
    }
}
