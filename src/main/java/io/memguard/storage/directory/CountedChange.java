package io.memguard.storage.directory;

import io.memguard.storage.EntryId;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;

/** Counts what a change of values does to the totals, also where it fails. Under the locks of the values. */
final class CountedChange implements AutoCloseable {
    private final StoreLayout layout;
    private final StoreTotals totals;
    private final List<EntryId> values;
    private final int[] stripes;
    private final long[] before;
    private boolean done;

    private CountedChange(StoreLayout layout, StoreTotals totals, List<EntryId> values, int[] stripes) {
        this.layout = layout;
        this.totals = totals;
        this.values = values;
        this.stripes = stripes;
        this.before = lengths();
    }

    static CountedChange begin(StoreLayout layout, StoreTotals totals, List<EntryId> values) throws IOException {
        int[] stripes =
                values.stream().mapToInt(EntryId::stripe).sorted().distinct().toArray();
        for (int stripe : stripes) {
            totals.begin(stripe);
        }
        return new CountedChange(layout, totals, values, stripes);
    }

    /** No temporary file is left. */
    void done() {
        done = true;
    }

    @Override
    public void close() {
        if (!done) {
            totals.setClear(false); // It may have been impossible to delete a temporary file.
        }
        long[] after = lengths();
        for (int i = 0; i < after.length; i++) {
            totals.add(values.get(i).stripe(), Long.signum(after[i]) - Long.signum(before[i]), after[i] - before[i]);
        }
        IntStream.of(stripes).forEach(totals::end);
    }

    /** Of their files; 0 where there is none, as no file is empty. */
    private long[] lengths() {
        return values.stream()
                .mapToLong(value -> layout.file(value).toFile().length())
                .toArray();
    }
}
