package io.memguard.bench;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;

/**
 * Fills a store by {@code storeAll}, and times opening it and its stats: as usual, and as after a start of the machine, when
 * temporary files are looked for and all files counted. The kernel has their entries in its caches. Prints one result as
 * {@code name value unit} a line.
 *
 * <p>Arguments: a directory on the disk to be measured; how many values of 32 bytes.
 */
public final class ManyFiles {
    private static final int GROUP = 10_000;
    private static final int SIZE = 32;

    private ManyFiles() {}

    /** Runs all. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory(Path.of(arguments[0]), "memguard-many");
        int count = Integer.parseInt(arguments[1]);
        try {
            long begin = System.nanoTime();
            fill(directory, count);
            print("stored", count / ((System.nanoTime() - begin) / 1e9), "values/s");
            open(directory, count, "usual");
            Files.delete(directory.resolve("memguard_secure").resolve("store.totals"));
            open(directory, count, "after.start");
            open(directory, count, "again");
        } finally {
            new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor();
        }
    }

    private static void fill(Path directory, int count) {
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                var arena = Arena.ofConfined()) {
            var value = arena.allocate(SIZE);
            for (int from = 0; from < count; from += GROUP) {
                var values = new LinkedHashMap<String, MemorySegment>();
                for (int i = from; i < Math.min(count, from + GROUP); i++) {
                    values.put("value/" + i, value);
                }
                guard.storeAllSegments(values);
            }
        }
    }

    private static void open(Path directory, int count, String when) {
        long begin = System.nanoTime();
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open()) {
            long opened = System.nanoTime();
            long items = guard.stats().itemsCount();
            long counted = System.nanoTime();
            if (items != count) {
                throw new AssertionError(items + " values, not " + count);
            }
            print("open." + when, (opened - begin) / 1e6, "ms");
            print("stats." + when, (counted - opened) / 1e6, "ms");
        }
    }

    private static void print(String name, double value, String unit) {
        System.out.printf(Locale.ROOT, "%s %.1f %s%n", name, value, unit);
    }
}
