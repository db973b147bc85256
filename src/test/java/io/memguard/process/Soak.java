package io.memguard.process;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Sixty-four threads that borrow, overwrite, delete, let expire and empty the cache by the public API, values of up to 5 MB
 * among them, for as many seconds as the first argument says, with less locked memory than they want: the second argument
 * is how many milliseconds they wait for it. Every value read is checked to its last byte and to be one that was current.
 * Prints one figure as {@code name value unit} a line.
 */
public final class Soak {
    private static final int THREADS = 64;
    private static final int NAMES = 200;
    private static final int LARGEST = 5_000_000;

    private final MemGuard guard;
    private final Name[] names = new Name[NAMES];
    private final LongAdder reads = new LongAdder();
    private final LongAdder longReads = new LongAdder();
    private final LongAdder writes = new LongAdder();
    private final LongAdder gone = new LongAdder();
    private final LongAdder refused = new LongAdder();
    private final long deadline;
    private volatile long longestWait;
    private volatile boolean failed;

    private Soak(MemGuard guard, int seconds) {
        this.guard = guard;
        deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        for (int i = 0; i < NAMES; i++) {
            names[i] = new Name(i);
        }
    }

    /** Runs all; see above. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory("memguard-soak");
        try (var guard = MemGuard.at(directory)
                .keys(new FixedKeys(1))
                .lockedMemoryWait(Duration.ofMillis(Long.parseLong(arguments[1])))
                .open()) {
            new Soak(guard, Integer.parseInt(arguments[0])).run(Secrets.seed());
            guard.cleanupAll();
        } finally {
            new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor();
        }
    }

    private void run(long seed) throws Exception {
        var resident = new ArrayList<Long>();
        try (var pool = Executors.newFixedThreadPool(THREADS)) {
            var threads = new ArrayList<Future<?>>();
            for (int i = 0; i < THREADS; i++) {
                long own = seed + i;
                threads.add(pool.submit(() -> work(new SplittableRandom(own))));
            }
            while (!isOver()) {
                Thread.sleep(200);
                resident.add(status("VmRSS:"));
            }
            for (var thread : threads) {
                thread.get();
            }
        }
        for (Name name : names) {
            name.isAsItWasLeft();
        }
        print("reads", reads.sum(), "");
        print("reads.of.more.than.a.page", longReads.sum(), "");
        print("writes", writes.sum(), "");
        print("found.nothing", gone.sum(), "");
        print("refused", refused.sum(), "");
        print("longest.wait.of.a.refused", longestWait / 1e6, "ms");
        print("windows.in.use", guard.memoryUsage().windowsInUse(), "");
        print("rss.middle.third", most(resident, 1) / 1024.0, "MiB");
        print("rss.last.third", most(resident, 2) / 1024.0, "MiB");
        guard.cleanupMemory();
        print("items.after.cleanup", guard.memoryUsage().items(), "");
        print("locked.after.cleanup", guard.memoryUsage().lockedBytes() / 1024.0, "KiB");
    }

    /** Not before there was some of everything, however slow the machine is. */
    private boolean isOver() {
        return failed
                || (System.nanoTime() >= deadline
                        && writes.sum() >= NAMES
                        && reads.sum() >= 10 * NAMES
                        && longReads.sum() > 0
                        && gone.sum() > 0);
    }

    private static long most(List<Long> samples, int third) {
        int size = samples.size();
        return Collections.max(
                samples.subList(size * third / 3, Math.max(size * third / 3 + 1, size * (third + 1) / 3)));
    }

    private void work(SplittableRandom random) {
        try (var arena = Arena.ofConfined()) {
            var room = arena.allocate(LARGEST);
            while (!isOver()) {
                Name name = names[random.nextInt(NAMES)];
                int choice = random.nextInt(1000);
                if (choice < 60) {
                    name.write(random, room);
                } else if (choice < 75) {
                    name.delete();
                } else if (choice < 90) {
                    buffer(random.nextInt(100_000));
                } else if (choice == 999) {
                    guard.memoryUsage();
                } else {
                    name.read();
                }
            }
        } catch (Throwable e) {
            failed = true;
            throw e;
        }
    }

    /** Buffers of callers share the limit. */
    private void buffer(int size) {
        try (var buffer = SecretBuffer.allocate(size)) {
            if (buffer.size() != size) {
                throw new AssertionError("a buffer of another size");
            }
        } catch (MemGuardException e) {
            mayBeRefused(e, System.nanoTime());
        }
    }

    private void mayBeRefused(MemGuardException e, long begin) {
        if (e.code() != ErrorCode.SECURITY_ERROR || !e.getMessage().contains("RLIMIT_MEMLOCK")) {
            throw e;
        }
        refused.increment();
        longestWait = Math.max(longestWait, System.nanoTime() - begin);
    }

    /** Mostly short, some of pages, few that fill a good part of the locked memory. */
    private static int someLength(SplittableRandom random) {
        int kind = random.nextInt(1000);
        int most = kind < 850 ? 200 : kind < 970 ? 20_000 : kind < 995 ? 300_000 : LARGEST - 16;
        return 16 + random.nextInt(most);
    }

    /** A name under which values come and go; half of them are durable. Value n of it can be told from all others. */
    private final class Name {
        private final int number;
        private final String text;
        private final ReentrantLock writer = new ReentrantLock();
        private volatile long started;
        private volatile long written;
        /** What there must be at the end, where nothing expires: a value's number, or 0 for none. */
        private long left;

        Name(int number) {
            this.number = number;
            this.text = "soak/" + number;
        }

        private boolean isDurable() {
            return number % 2 == 0;
        }

        void read() {
            long before = written;
            long begin = System.nanoTime();
            try {
                long n = guard.<Long, RuntimeException>read(text, this::check);
                if (n < before || n > started) {
                    throw new AssertionError("value " + n + " was not current in " + before + " to " + started);
                }
                reads.increment();
            } catch (MemGuardException e) {
                if (e.code() == ErrorCode.RETRIEVE_FAILED && e.getMessage().startsWith("there is no secret")) {
                    gone.increment();
                } else {
                    mayBeRefused(e, begin);
                }
            }
        }

        private long check(MemorySegment value) {
            long n = value.get(ValueLayout.JAVA_LONG_UNALIGNED, 8);
            if (value.get(ValueLayout.JAVA_LONG_UNALIGNED, 0) != number) {
                throw new AssertionError("a value of another name");
            }
            byte filler = filler(n);
            // Words first: most of it.
            long words = (filler & 0xFFL) * 0x0101010101010101L;
            long at = 16;
            for (; at + 8 <= value.byteSize(); at += 8) {
                if (value.get(ValueLayout.JAVA_LONG_UNALIGNED, at) != words) {
                    throw new AssertionError("a value that is not whole");
                }
            }
            for (; at < value.byteSize(); at++) {
                if (value.get(ValueLayout.JAVA_BYTE, at) != filler) {
                    throw new AssertionError("a value that is not whole");
                }
            }
            if (value.byteSize() > 4096) {
                longReads.increment();
            }
            return n;
        }

        private byte filler(long n) {
            return (byte) (number * 31 + n * 7 + 1);
        }

        void write(SplittableRandom random, MemorySegment room) {
            if (!writer.tryLock()) {
                return;
            }
            try {
                long n = started + 1;
                started = n;
                var value = room.asSlice(0, someLength(random));
                value.fill(filler(n));
                value.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, number);
                value.set(ValueLayout.JAVA_LONG_UNALIGNED, 8, n);
                if (isDurable()) {
                    guard.store(text, value);
                    left = n;
                } else {
                    boolean stays = random.nextBoolean();
                    guard.storeEphemeral(
                            text,
                            value,
                            stays ? Duration.ofHours(1) : Duration.ofMillis(1 + random.nextInt(50)),
                            Duration.ofHours(1));
                    left = stays ? n : 0;
                }
                written = n;
                writes.increment();
            } finally {
                writer.unlock();
            }
        }

        void delete() {
            if (!writer.tryLock()) {
                return;
            }
            try {
                guard.delete(text);
                left = 0;
            } finally {
                writer.unlock();
            }
        }

        /** Nobody disturbs any more. */
        void isAsItWasLeft() {
            if (left > 0) {
                long n = guard.<Long, RuntimeException>read(text, this::check);
                if (n != left) {
                    throw new AssertionError("value " + n + " is there, not " + left);
                }
            } else if (isDurable() && guard.contains(text)) {
                throw new AssertionError("a deleted value is there");
            }
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
