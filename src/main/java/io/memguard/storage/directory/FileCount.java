package io.memguard.storage.directory;

import io.memguard.storage.EntryId;
import io.memguard.storage.Totals;
import java.io.IOException;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Counts the files of those stripes whose count is unknown: after a start of the machine, or after a killed writer. */
final class FileCount {
    private final long[] items = new long[EntryId.STRIPES];
    private final long[] bytes = new long[EntryId.STRIPES];

    private FileCount(StoreDirectory directory, IntPredicate wanted) throws IOException {
        directory.forEach(file -> {
            if (StoreLayout.isValue(file)) {
                int stripe = StoreLayout.stripeOfValue(file);
                if (wanted.test(stripe)) {
                    items[stripe]++;
                    long length = directory
                            .layout()
                            .workingPath()
                            .resolve(file)
                            .toFile()
                            .length(); // 0: just being deleted
                    bytes[stripe] += Math.min(length, StoreLayout.MAX_FILE);
                }
            }
        });
    }

    /** Of a store that is only read. */
    static Totals all(StoreDirectory directory) throws IOException {
        var count = new FileCount(directory, stripe -> true);
        return new Totals(
                LongStream.of(count.items).sum(), LongStream.of(count.bytes).sum());
    }

    /** First without locks; then those stripes that were changed in the meantime, under their locks. */
    static void run(StoreDirectory directory, StoreLocks locks, StoreTotals totals) throws IOException {
        long[] versions =
                IntStream.range(0, EntryId.STRIPES).mapToLong(totals::version).toArray();
        var count = new FileCount(directory, stripe -> !totals.isCounted(stripe));
        int[] changed = locks.lockedWhole(() -> IntStream.range(0, EntryId.STRIPES)
                .filter(stripe -> !totals.isCounted(stripe))
                .filter(stripe -> versions[stripe] == StoreTotals.CHANGING
                        || totals.version(stripe) != versions[stripe]
                        || !count.set(totals, stripe))
                .toArray());
        if (changed.length > 0) {
            var wanted = IntStream.of(changed).boxed().collect(java.util.stream.Collectors.toSet());
            locks.locked(changed, () -> {
                var exact = new FileCount(directory, wanted::contains);
                IntStream.of(changed).forEach(stripe -> exact.set(totals, stripe));
                return null;
            });
        }
    }

    private boolean set(StoreTotals totals, int stripe) {
        totals.set(stripe, new Totals(items[stripe], bytes[stripe]));
        return true;
    }
}
