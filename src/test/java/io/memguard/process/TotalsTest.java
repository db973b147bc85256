package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.os.Posix;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Counts that writers keep are those of the files, whatever happens to the writers. */
class TotalsTest {
    @TempDir
    Path directory = Path.of("");

    private MemGuard open() {
        return open(directory);
    }

    private static MemGuard open(Path directory) {
        return MemGuard.at(directory).keys(new FixedKeys(1)).open();
    }

    private Path folder() {
        return directory.resolve("memguard_secure");
    }

    private List<Path> files(String part) throws IOException {
        try (var files = Files.list(folder())) {
            return files.filter(file -> file.getFileName().toString().contains(part))
                    .toList();
        }
    }

    private void assertTrueFigures(MemGuard guard) throws IOException {
        long bytes = 0;
        List<Path> values = files(".dat");
        for (Path file : values) {
            bytes += Files.size(file);
        }
        assertEquals(values.size(), guard.stats().itemsCount());
        assertEquals(bytes, guard.stats().totalSizeBytes());
    }

    private static void store(MemGuard guard, String name, int size) {
        try (var value = Secrets.random(size, 1)) {
            guard.store(name, value);
        }
    }

    @Test
    void storesReplacementsAndDeletionsAreCountedByEverybody() throws Exception {
        long seed = Secrets.seed();
        try (var one = open();
                var two = open();
                var threads = Executors.newCachedThreadPool()) {
            var workers = new ArrayList<Future<?>>();
            for (int w = 0; w < 4; w++) {
                var random = new SplittableRandom(seed + w);
                MemGuard guard = w % 2 == 0 ? one : two;
                workers.add(threads.submit(() -> {
                    for (int i = 0; i < 100; i++) {
                        String name = "name " + random.nextInt(20);
                        if (random.nextInt(3) == 0) {
                            guard.delete(name);
                        } else {
                            store(guard, name, random.nextInt(1000));
                        }
                        assertTrue(guard.stats().itemsCount() <= 20);
                    }
                }));
            }
            for (var worker : workers) {
                worker.get();
            }
            assertTrueFigures(one);
            assertTrueFigures(two);
            one.cleanupAll();
            assertEquals(0, one.stats().itemsCount());
        }
    }

    @Test
    void whereTheCountsAreLostOrOfAnotherRunOfTheMachineTheFilesAreCounted() throws IOException {
        try (var guard = open()) {
            store(guard, "a", 10);
            store(guard, "b", 20);
        }
        Path counts = folder().resolve("store.totals");
        try (var file = new RandomAccessFile(counts.toFile(), "rw")) {
            file.writeLong(4711); // the number of another run
        }
        Path left = Files.createFile(folder().resolve(".tmp_00ff_0123456789abcdef"));
        try (var guard = open()) {
            assertTrueFigures(guard);
            assertFalse(Files.exists(left));
            store(guard, "c", 30);
            assertTrueFigures(guard);
        }
        Files.copy(counts, folder().resolve("copy"));
        Files.move(folder().resolve("copy"), counts, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        Files.delete(files(".dat").getFirst()); // restored from a backup together with its counts
        try (var guard = open()) {
            assertTrueFigures(guard);
        }
        Files.delete(counts);
        try (var guard = open()) {
            assertTrueFigures(guard);
            assertEquals(2, guard.stats().itemsCount());
        }
    }

    @Test
    void writersDuringTheCountAreCountedOnce() throws Exception {
        try (var writer = open();
                var arena = Arena.ofConfined();
                var threads = Executors.newCachedThreadPool()) {
            var values = new HashMap<String, MemorySegment>();
            for (int i = 0; i < 2000; i++) {
                values.put("name " + i, arena.allocate(16));
            }
            writer.storeAllSegments(values);
            for (int round = 0; round < 5; round++) {
                Files.delete(folder().resolve("store.totals"));
                try (var other = open()) {
                    var changes = threads.submit(() -> {
                        for (int i = 0; i < 200; i++) {
                            store(other, "new " + i, i);
                            other.delete("name " + i);
                        }
                    });
                    while (!changes.isDone()) {
                        assertTrue(Math.abs(other.stats().itemsCount() - 2000) <= 201);
                    }
                    changes.get();
                    assertTrueFigures(other);
                    for (int i = 0; i < 200; i++) {
                        other.delete("new " + i);
                        store(other, "name " + i, 16);
                    }
                    assertTrueFigures(other);
                }
            }
        }
    }

    @Test
    void aKilledWriterLeavesNoFileAndNoWrongCount() throws Exception {
        open().close();
        for (int round = 0; round < 4; round++) {
            try (var child = ChildJvm.start(Writer.class, List.of(), List.of(directory.toString()))) {
                child.expect("begun");
                Thread.sleep(50 + 37L * round);
                child.kill();
            }
            try (var guard = open()) {
                assertEquals(List.of(), files(".tmp"));
                assertTrueFigures(guard);
            }
        }
    }

    @Test
    void theMarkOfAKilledWriterIsBelievedOverItsCount() throws IOException {
        try (var guard = open()) {
            store(guard, "a", 10);
        }
        String hex = files(".dat").getFirst().getFileName().toString().substring(3, 7);
        Path left = Files.createFile(folder().resolve(".tmp_" + hex + "_0123456789abcdef"));
        try (var file = new RandomAccessFile(folder().resolve("store.totals").toFile(), "rw")) {
            long state = 8 * (4 + 3L * Integer.parseInt(hex, 16));
            file.seek(state);
            int first = file.read();
            assertEquals(2, first & 3, "counted, not busy");
            file.seek(state);
            file.write(first | 1);
            file.seek(state + 8);
            file.write(99);
        }
        try (var guard = open()) {
            assertFalse(Files.exists(left));
            assertTrueFigures(guard);
        }
    }

    /** A file that came after the files were listed, by a writer that was killed before the count was taken over. */
    @Test
    void aWriterThatIsKilledWhileAnotherProcessCountsMakesNoWrongCount() throws Exception {
        try (var guard = open();
                var thread = Executors.newSingleThreadExecutor()) {
            store(guard, "a", 10);
            Path value = files(".dat").getFirst();
            int stripe = Integer.parseInt(value.getFileName().toString().substring(3, 7), 16);
            Path aside = directory.resolve("aside");
            int descriptor = Posix.openOrCreate(folder().resolve("store.lock"));
            try {
                assertTrue(Posix.lock(descriptor, 0, 1 << 16, false));
                Files.move(value, aside);
                state(0, 4);
                state(stripe, 5); // It is being written, and not counted.
                var stats = thread.submit(guard::stats);
                Thread.sleep(300); // It has looked at all files by now, and waits; where it has not, this can't fail.
                Files.move(aside, value);
                Posix.unlock(descriptor, 0, 1 << 16);
                stats.get();
            } finally {
                Posix.closeQuietly(descriptor);
            }
            assertTrueFigures(guard);
        }
    }

    private void state(int stripe, int state) throws IOException {
        try (var file = new RandomAccessFile(folder().resolve("store.totals").toFile(), "rw")) {
            file.seek(8 * (4 + 3L * stripe));
            file.write(state);
        }
    }

    /** Stores, replaces and deletes until it is killed. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) {
            try (var guard = open(Path.of(arguments[0]));
                    var arena = Arena.ofConfined()) {
                System.out.println("begun");
                for (int round = 0; ; round++) {
                    var values = new HashMap<String, MemorySegment>();
                    for (int i = 0; i < 50; i++) {
                        values.put("name " + (round * 7 + i) % 100, arena.allocate(100 + round % 100));
                    }
                    guard.storeAllSegments(values);
                    guard.delete("name " + round % 100);
                }
            }
        }
    }
}
