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
    private static final int COMPILING = 30_000;
    private static final int THREADS = 32;

    private final Path directory;
    private final Path rawSingle;
    private final Path rawMany;
    private final byte[] content = new byte[FILE_SIZE];

    private DurableRates(Path directory) throws IOException {
        this.directory = directory;
        this.rawSingle = Files.createDirectory(directory.resolve("raw-single"));
        this.rawMany = Files.createDirectory(directory.resolve("raw-many"));
        Arrays.fill(content, (byte) 'A');
    }

    /** Runs all. */
    public static void main(String[] arguments) throws Exception {
        in(Path.of("/dev/shm"), DurableRates::compile);
        in(Path.of(arguments[0]), rates -> rates.run(Integer.parseInt(arguments[1])));
    }

    private interface Run {
        void run(DurableRates rates) throws Exception;
    }

    private static void in(Path parent, Run run) throws Exception {
        Path directory = Files.createTempDirectory(parent, "memguard-rates");
        try {
            run.run(new DurableRates(directory));
        } finally {
            new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor();
        }
    }

    /** Where there is no disk to wait for, so that what is measured then is not the JVM's compiler. */
    private void compile() throws Exception {
        try (var guard = store("compiled");
                var value = Secrets.random(SIZE, 1)) {
            for (int i = 0; i < COMPILING; i++) {
                rawReplace("single");
                guard.store("single", value);
            }
        }
    }

    private void run(int rounds) throws Exception {
        var rawOnes = new double[rounds];
        var ones = new double[rounds];
        var rawGroups = new double[rounds];
        var created = new double[rounds];
        var replaced = new double[rounds];
        // Two stores, since a change in a large directory costs more, of whoever makes it.
        try (var few = store("few");
                var many = store("many");
                var value = Secrets.random(SIZE, 1);
                var arena = Arena.ofConfined()) {
            var segment = arena.allocate(SIZE);
            Secrets.fill(segment, 1);
            for (int round = -1; round < rounds; round++) { // the first one warms up
                int r = Math.max(round, 0);
                // In turns, since a file system gets slower by what was freed in it lately, of whoever did it.
                rawOnes[r] = 0;
                ones[r] = 0;
                for (int i = 0; i < SINGLE; i++) {
                    String name = "single " + i;
                    rawOnes[r] += micros(() -> rawReplace(name)) / SINGLE;
                    ones[r] += micros(() -> few.store(name, value)) / SINGLE;
                }
                rawGroups[r] = perSecond(() -> rawReplaceAll());
                var fresh = values("round " + round + " ", segment);
                created[r] = perSecond(() -> many.storeAllSegments(fresh));
                replaced[r] = perSecond(() -> many.storeAllSegments(fresh));
            }
        }
        print("raw.single.1KiB", rawOnes, "us");
        print("store.single.1KiB", ones, "us");
        print("raw.grouped.1KiB", rawGroups, "files/s");
        print("storeAll.replace.1KiB", replaced, "values/s");
        print("storeAll.new.1KiB", created, "values/s");
    }

    private MemGuard store(String name) {
        return MemGuard.at(directory.resolve(name)).keys(new FixedKeys(1)).open();
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
        rawPublish(rawPrepare(rawSingle, name), name);
        Posix.syncDirectory(rawSingle);
    }

    private Path rawPrepare(Path raw, String name) throws IOException {
        Path temporary = raw.resolve("temporary " + name);
        try (var out = new FileOutputStream(temporary.toFile())) {
            out.write(content);
            out.getFD().sync();
        }
        return temporary;
    }

    private static void rawPublish(Path temporary, String name) throws IOException {
        Files.move(temporary, temporary.resolveSibling(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /** The same for many files, with as many threads as the disk likes. */
    private void rawReplaceAll() throws Exception {
        try (var pool = Executors.newFixedThreadPool(THREADS)) {
            for (int group = 0; group < MANY; group += 1000) {
                var prepared = new ArrayList<Future<Path>>();
                for (int i = group; i < group + 1000; i++) {
                    String name = "grouped " + i;
                    prepared.add(pool.submit(() -> rawPrepare(rawMany, name)));
                }
                for (int i = 0; i < 1000; i++) {
                    rawPublish(prepared.get(i).get(), "grouped " + (group + i));
                }
                Posix.syncDirectory(rawMany);
            }
        }
    }

    private interface Task {
        void run() throws Exception;
    }

    private static double micros(Task task) throws Exception {
        long begin = System.nanoTime();
        task.run();
        return (System.nanoTime() - begin) / 1e3;
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
