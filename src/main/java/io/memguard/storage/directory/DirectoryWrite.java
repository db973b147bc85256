package io.memguard.storage.directory;

import io.memguard.os.DurableGroup;
import io.memguard.os.FileVersion;
import io.memguard.storage.EntryId;
import io.memguard.storage.Generations;
import io.memguard.storage.Moment;
import io.memguard.storage.NewEntry;
import io.memguard.storage.NotDurableException;
import io.memguard.storage.PreparedWrite;
import io.memguard.storage.Published;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Puts the files of values in place, one or many at once: names first, then values, each old or new at any moment. */
final class DirectoryWrite implements PreparedWrite {
    private final StoreLayout layout;
    private final Generations generations;
    private final List<EntryId> values;
    private final CountedChange counted;
    private final DurableGroup group;
    private final int names;

    private DirectoryWrite(
            StoreLayout layout,
            Generations generations,
            List<EntryId> values,
            CountedChange counted,
            DurableGroup group,
            int names) {
        this.layout = layout;
        this.generations = generations;
        this.values = values;
        this.counted = counted;
        this.group = group;
        this.names = names;
    }

    static DirectoryWrite prepare(
            StoreLayout layout, Generations generations, StoreTotals totals, List<NewEntry> entries)
            throws IOException {
        List<NewEntry> names =
                entries.stream().filter(entry -> !entry.id().isValue()).toList();
        List<NewEntry> values =
                entries.stream().filter(entry -> entry.id().isValue()).toList();
        List<EntryId> ids = values.stream().map(NewEntry::id).toList();
        var counted = CountedChange.begin(layout, totals, ids);
        try {
            var group =
                    group(layout, Stream.concat(names.stream(), values.stream()).toList());
            return new DirectoryWrite(layout, generations, ids, counted, group, names.size());
        } catch (Throwable failure) {
            counted.close();
            throw failure;
        }
    }

    /** Writes all contents to durable temporary files; where it fails, none is left. */
    static DurableGroup group(StoreLayout layout, List<NewEntry> entries) throws IOException {
        var files = entries.stream()
                .map(entry -> new DurableGroup.NewFile(
                        layout.file(entry.id()),
                        StoreLayout.temporaryPrefix(entry.id().stripe()),
                        slot -> entry.content().fill(bytes -> slot.put(new Base64Content(bytes)))))
                .toList();
        return DurableGroup.prepare(layout.workingPath(), files);
    }

    @Override
    public Published publish() throws IOException {
        boolean named = false;
        for (int i = 0; i < names; i++) {
            named |= group.publish(i);
        }
        if (named) {
            group.sync(); // A value is never without its name.
        }
        int published = 0;
        Optional<IOException> failure = Optional.empty();
        try {
            for (EntryId value : values) {
                generations.raise(value.stripe());
                group.publish(names + published);
                published++;
            }
        } catch (IOException e) {
            failure = Optional.of(e);
        }
        try {
            group.sync();
        } catch (IOException e) {
            throw new NotDurableException(e);
        }
        if (failure.isEmpty()) {
            counted.done();
        }
        return new Published(moments(values.subList(0, published)), failure);
    }

    /** Read after the last raise: two of the entries may share a stripe. */
    private List<Moment> moments(List<EntryId> durable) throws IOException {
        var moments = new ArrayList<Moment>();
        for (EntryId value : durable) {
            FileVersion file = FileVersion.of(layout.file(value)).orElse(FileVersion.NONE);
            moments.add(new Moment(generations.get(value.stripe()), file, file.isSettled()));
        }
        return moments;
    }

    @Override
    public void close() {
        try {
            group.close();
        } finally {
            counted.close();
        }
    }
}
