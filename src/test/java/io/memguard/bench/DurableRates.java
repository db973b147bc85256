package io.memguard.bench;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.os.Posix;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * What durable stores cost, beside what this disk takes for the same bytes without any encryption. Rounds alternate, as
 * the disk's figures change by the minute; medians are printed, one result as {@code name value low high unit} a line.
 *
 * <p>Arguments: a directory on the disk to be measured, and how many rounds.
 */
public final class DurableRates {
    private static final int SIZE = 1024;
    private static final int FILE_SIZE = (SIZE + 28 + 2) / 3 * 4; // as Base64
    private static final int SINGLE = 200;
    private static final int MANY = 4000;
    private static final int THREADS = 32;

    private final Path directory;
    private final Path raw;
    private final byte[] content = new byte[FILE_SIZE];

    private DurableRates(Path directory) throws IOException {
        this.directory = directory;
        this.raw = Files.createDirectory(directory.resolve("raw"));
        Arrays.fill(content, (byte) 'A');
    }

    /** Runs all. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory(Path.of(arguments[0]), "memguard-rates");
        try {
            new DurableRates(directory).run(Integer.parseInt(arguments[1]));
        } finally {
            new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor();
        }
    }

    private void run(int rounds) throws Exception {
        var rawSingle = new double[rounds];
        var single = new double[rounds];
        var rawMany = new double[rounds];
        var created = new double[rounds];
        var replaced = new double[rounds];
        try (var guard = MemGuard.at(directory.resolve("store"))
                        .keys(new FixedKeys(1))
                        .open();
                var value = Secrets.random(SIZE, 1);
                var arena = Arena.ofConfined()) {
            var segment = arena.allocate(SIZE);
            Secrets.fill(segment, 1);
            for (int round = -1; round < rounds; round++) { // the first one warms up
                int r = Math.max(round, 0);
                rawSingle[r] = micros(SINGLE, i -> rawReplace("single " + i));
                single[r] = micros(SINGLE, i -> guard.store("single " + i, value));
                rawMany[r] = perSecond(() -> rawReplaceAll());
                var fresh = values("round " + round + " ", segment);
                created[r] = perSecond(() -> guard.storeAllSegments(fresh));
                replaced[r] = perSecond(() -> guard.storeAllSegments(fresh));
            }
        }
        print("raw.single.1KiB", rawSingle, "us");
        print("store.single.1KiB", single, "us");
        print("raw.grouped.1KiB", rawMany, "files/s");
        print("storeAll.replace.1KiB", replaced, "values/s");
        print("storeAll.new.1KiB", created, "values/s");
    }

    private static Map<String, MemorySegment> values(String prefix, MemorySegment segment) {
        var values = new LinkedHashMap<String, MemorySegment>();
        for (int i = 0; i < MANY; i++) {
            values.put(prefix + i, segment);
        }
        return values;
    }

    /** Temporary file, fsync, rename, fsync of the directory: nothing else. */
    private void rawReplace(String name) throws IOException {
        rawPublish(rawPrepare(name), name);
        Posix.syncDirectory(raw);
    }

    private Path rawPrepare(String name) throws IOException {
        Path temporary = raw.resolve("temporary " + name);
        try (var out = new FileOutputStream(temporary.toFile())) {
            out.write(content);
            out.getFD().sync();
        }
        return temporary;
    }

    private void rawPublish(Path temporary, String name) throws IOException {
        Files.move(temporary, raw.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /** The same for many files, with as many threads as the disk likes. */
    private void rawReplaceAll() throws Exception {
        try (var pool = Executors.newFixedThreadPool(THREADS)) {
            for (int group = 0; group < MANY; group += 1000) {
                var prepared = new ArrayList<Future<Path>>();
                for (int i = group; i < group + 1000; i++) {
                    String name = "grouped " + i;
                    prepared.add(pool.submit(() -> rawPrepare(name)));
                }
                for (int i = 0; i < 1000; i++) {
                    rawPublish(prepared.get(i).get(), "grouped " + (group + i));
                }
                Posix.syncDirectory(raw);
            }
        }
    }

    private interface Step {
        void run(int number) throws Exception;
    }

    private interface Task {
        void run() throws Exception;
    }

    private static double micros(int count, Step step) throws Exception {
        long begin = System.nanoTime();
        for (int i = 0; i < count; i++) {
            step.run(i);
        }
        return (System.nanoTime() - begin) / 1e3 / count;
    }

    private static double perSecond(Task task) throws Exception {
        long begin = System.nanoTime();
        task.run();
        return MANY * 1e9 / (System.nanoTime() - begin);
    }

    private static void print(String name, double[] results, String unit) {
        Arrays.sort(results);
        System.out.printf(
                Locale.ROOT,
                "%s %.1f %.1f %.1f %s%n",
                name,
                results[results.length / 2],
                results[0],
                results[results.length - 1],
                unit);
    }
}
