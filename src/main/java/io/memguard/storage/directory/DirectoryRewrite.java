package io.memguard.storage.directory;

import io.memguard.os.DurableGroup;
import io.memguard.storage.NewEntry;
import io.memguard.storage.PreparedWrite;
import io.memguard.storage.Published;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Puts the files of entries in place that are the same under another key: their lengths stay, and so do the generations. */
record DirectoryRewrite(DurableGroup group, int size) implements PreparedWrite {
    static DirectoryRewrite prepare(StoreLayout layout, StoreTotals totals, List<NewEntry> entries) throws IOException {
        totals.setClear(false); // After a kill the next opening removes temporary files.
        return new DirectoryRewrite(DirectoryWrite.group(layout, entries), entries.size());
    }

    @Override
    public Published publish() throws IOException {
        for (int i = 0; i < size; i++) {
            group.publish(i);
        }
        group.sync();
        return new Published(List.of(), Optional.empty());
    }

    @Override
    public void close() {
        group.close();
    }
}
