package io.memguard.store;

import java.util.ArrayList;
import java.util.List;

/** Files that something was found about: how many, and the names of the first; a damaged store may have millions. */
public final class FoundFiles {
    /** So many are named. */
    private static final int NAMED = 5;

    private final List<String> first = new ArrayList<>();
    private long count;

    void add(String file) {
        count++;
        if (first.size() < NAMED) {
            first.add(file);
        }
    }

    /** Whether there are none. */
    public boolean isEmpty() {
        return count == 0;
    }

    /** How many there are, and the first of them by name, which says nothing of a secret. */
    public String among(long all) {
        return count + " of " + all + " files (" + String.join(", ", first) + (count > NAMED ? ", …)" : ")");
    }
}
