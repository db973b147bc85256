package io.memguard.bench;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntToLongFunction;

/**
 * Holds many secrets of 32 bytes in one process by the public API: what each takes, what a random read costs among few and
 * among many, and how long a reader waits at most while secrets are filled in, expire and are cleaned up. Every value read
 * is checked. Prints one result as {@code name value unit} a line.
 *
 * <p>Beside the reader a control thread does the same with nothing but the clock, for as long as a read takes: what it
 * waits is the scheduler's, the machine's and the garbage collector's, who stop both alike. Of the reader's own waits it
 * says how long it was blocked or ran at most; the rest of a wait it had no processor.
 *
 * <p>Arguments: how many; milliseconds in which half of them get a short life, after which they expire together.
 */
public final class Scale {
    private static final int SIZE = 32;
    private static final int FEW = 1000;
    private static final int READS = 300_000;
    private static final long WARM_UP = 1000; // milliseconds
    private static final long READ_TIME = 400; // nanoseconds, about
    private static final Duration LONG = Duration.ofHours(1);

    private final String[] names;
    private final Duration halfLife;

    private Scale(int count, Duration halfLife) {
        names = new String[count];
        Arrays.setAll(names, i -> "secret/" + i);
        this.halfLife = halfLife;
    }

    /** Runs all. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory("memguard-scale");
        var scale = new Scale(Integer.parseInt(arguments[0]), Duration.ofMillis(Long.parseLong(arguments[1])));
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open()) {
            scale.run(guard, directory);
            guard.cleanupAll();
        } finally {
            new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor();
        }
    }

    private void run(MemGuard guard, Path directory) throws Exception {
        long heapBefore;
        var reader = new Watcher("reader", i -> guard.<Long, RuntimeException>read(names[i], Scale::number));
        var control = new Watcher("control", Scale::spin);
        // Cleaning up takes the reader's secrets, too, so that another store has to be read meanwhile.
        var other =
                MemGuard.at(directory.resolve("other")).keys(new FixedKeys(2)).open();
        try (var value = Secrets.random(SIZE, 1)) {
            for (int i = 0; i < FEW; i++) {
                other.storeEphemeral(names[i], value, Duration.ofHours(1));
            }
        }
        var outside = new Watcher("outside", i -> {
            other.<Byte, RuntimeException>read(names[i], segment -> segment.get(ValueLayout.JAVA_BYTE, 0));
            return i;
        });
        outside.start();
        Thread.sleep(WARM_UP);
        outside.pause();
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(SIZE);
            fill(guard, value, 0, FEW);
            reads("few", guard, FEW, READS);
            reads("few", guard, FEW, READS); // compiled by now
            heapBefore = usedHeap(); // With all classes that it takes.
            control.start();
            reader.start();
            fill(guard, value, FEW, names.length);
        }
        printWaits("filling", reader, control);
        print("heap.per.secret", (double) (usedHeap() - heapBefore) / (names.length - FEW), "B");
        var usage = guard.memoryUsage();
        print("items", usage.items(), "secrets");
        print("native.per.secret", (double) usage.sealedBytes() / names.length, "B");
        print("locked", status("VmLck:"), "KiB");
        print("mappings", mappings(), "");
        reads("many", guard, names.length, READS);
        printCacheShare();
        control.resume();
        reader.resume();
        shorten(guard);
        long begin = System.nanoTime();
        while (guard.memoryUsage().items() > (names.length + FEW) / 2) {
            if (System.nanoTime() - begin > TimeUnit.MINUTES.toNanos(5)) {
                throw new AssertionError("they do not expire");
            }
            LockSupport.parkNanos(10_000_000);
        }
        printWaits("expiring", reader, control);
        control.resume();
        outside.resume();
        begin = System.nanoTime();
        guard.cleanupMemory();
        print("cleanup", (System.nanoTime() - begin) / 1e6, "ms");
        printWaits("cleanup", outside, control);
        print("items.after.cleanup", guard.memoryUsage().items(), "secrets");
        reader.end();
        control.end();
        outside.end();
        other.close();
    }

    private void printWaits(String during, Watcher reader, Watcher control) throws InterruptedException {
        reader.pause();
        control.pause();
        print("reader.longest.wait." + during, reader.longest / 1e6, "ms");
        print("control.longest.wait." + during, control.longest / 1e6, "ms");
        print("reader.longest.block." + during, reader.longestBlock / 1e6, "ms");
        print("control.longest.block." + during, control.longestBlock / 1e6, "ms");
        print("reader.longest.run." + during, reader.longestRun / 1e6, "ms");
        print("reader.waits.over.5.ms." + during, reader.over.get(), "");
        print("control.waits.over.5.ms." + during, control.over.get(), "");
    }

    private void fill(MemGuard guard, MemorySegment value, int from, int to) {
        long begin = System.nanoTime();
        for (int i = from; i < to; i++) {
            store(guard, value, i, LONG);
        }
        print("fill." + (to - from), (System.nanoTime() - begin) / 1e3 / (to - from), "us");
    }

    /** Every second one, but not the first few, expires at the same moment; only now, so that a slow machine reads all before. */
    private void shorten(MemGuard guard) {
        long begin = System.nanoTime();
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(SIZE);
            for (int i = FEW; i < names.length; i += 2) {
                Duration left = halfLife.minusNanos(System.nanoTime() - begin);
                store(guard, value, i, left.isPositive() ? left : Duration.ofMillis(1));
            }
        }
    }

    private void store(MemGuard guard, MemorySegment value, int number, Duration life) {
        value.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, number);
        guard.storeEphemeral(names[number], value, life, LONG);
    }

    private void reads(String what, MemGuard guard, int among, int count) {
        var random = new SplittableRandom(1);
        var times = new long[count];
        for (int i = 0; i < count; i++) {
            int number = random.nextInt(among);
            String name = names[number];
            long begin = System.nanoTime();
            long read = guard.<Long, RuntimeException>read(name, Scale::number);
            times[i] = System.nanoTime() - begin;
            if (read != number) {
                throw new AssertionError("a wrong value: " + read + ", not " + number);
            }
        }
        Arrays.sort(times);
        print("read." + what + ".p50", times[count / 2], "ns");
        print("read." + what + ".p99", times[count / 100 * 99], "ns");
    }

    private static long spin(int number) {
        long end = System.nanoTime() + READ_TIME;
        while (System.nanoTime() < end) {
            Thread.onSpinWait();
        }
        return number;
    }

    private static long number(MemorySegment segment) {
        return segment.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
    }

    /** The names alone, in the same order: what the processor's caches cost any map of this size. */
    private void printCacheShare() {
        var map = new java.util.concurrent.ConcurrentHashMap<String, byte[]>();
        for (String name : names) {
            map.put(name, new byte[SIZE]);
        }
        for (int among : new int[] {FEW, names.length}) {
            var random = new SplittableRandom(1);
            var times = new long[READS];
            for (int i = 0; i < READS; i++) {
                String name = names[random.nextInt(among)];
                long begin = System.nanoTime();
                byte[] value = map.get(name);
                if (value[0] != 0) {
                    throw new AssertionError();
                }
                times[i] = System.nanoTime() - begin;
            }
            Arrays.sort(times);
            String what = among == FEW ? "few" : "many";
            print("heapMap." + what + ".p50", times[READS / 2], "ns");
            print("heapMap." + what + ".p99", times[READS / 100 * 99], "ns");
        }
    }

    /** Does something short all the time, with pauses that leave the processors to others, and notes what took longest. */
    private static final class Watcher {
        private static final int BURST = 50;
        private static final int READS = 20;
        private static final long LONG_WAIT = 1_000_000; // nanoseconds
        private static final long FIVE = 5_000_000;

        private final IntToLongFunction work;
        private final Thread thread;
        private volatile boolean ended;
        private volatile boolean paused;
        private volatile long longest;
        private volatile long longestBlock;
        private volatile long longestRun;
        private final AtomicLong over = new AtomicLong();

        Watcher(String name, IntToLongFunction work) {
            thread = Thread.ofPlatform().name(name).daemon().unstarted(this::run);
            this.work = work;
        }

        private void run() {
            try (var times = new ThreadTimes()) {
                while (!ended) {
                    for (int i = 0; i < BURST && !paused; i++) {
                        watch(times, i * READS % FEW);
                    }
                    LockSupport.parkNanos(paused ? 1_000_000 : 100_000);
                }
            }
        }

        private void watch(ThreadTimes times, int first) {
            var before = times.now();
            long begin = System.nanoTime();
            long wait = 0;
            for (int i = first; i < first + READS; i++) {
                if (work.applyAsLong(i) != i) {
                    throw new AssertionError("a wrong value");
                }
                long end = System.nanoTime();
                wait = Math.max(wait, end - begin);
                if (end - begin > FIVE) {
                    over.incrementAndGet();
                }
                begin = end;
            }
            longest = Math.max(longest, wait);
            if (wait > LONG_WAIT) {
                var after = times.now();
                longestBlock = Math.max(longestBlock, after.blockedSince(before));
                longestRun = Math.max(longestRun, after.runningSince(before));
            }
        }

        void start() {
            thread.start();
        }

        void pause() throws InterruptedException {
            paused = true;
            Thread.sleep(20);
        }

        void resume() {
            longest = 0;
            longestBlock = 0;
            longestRun = 0;
            over.set(0);
            paused = false;
        }

        void end() throws InterruptedException {
            ended = true;
            thread.join();
        }
    }

    private static long usedHeap() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(20);
        }
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private static long mappings() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.count();
        }
    }

    private static long status(String field) throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith(field))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(0);
        }
    }

    private static void print(String name, double value, String unit) {
        System.out.printf(Locale.ROOT, "%s %.1f %s%n", name, value, unit);
    }
}
