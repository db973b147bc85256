package io.memguard.soak;

import com.sun.management.OperatingSystemMXBean;
import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.crash.NumberedKeys;
import io.memguard.doctor.Doctor;
import io.memguard.doctor.Finding;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;

/**
 * Takes a store of many names, or of large values, through every call that looks at all of it, in a JVM whose heap is small:
 * to be run with {@code -Xmx}. Prints {@code name value unit} a line, and ends with an error where anything is not as it was
 * stored.
 *
 * <p>Arguments: {@code names}, a directory, how many, and the length of each; or {@code values}, a directory, how many, and
 * the length of each.
 */
public final class Size {
    private static final int GROUP = 1000; // given to one storeAll
    private static final int SHORT = 32;

    private final Path directory;
    private final int count;
    private final int nameLength;
    private final long length;

    private Size(Path directory, int count, int nameLength, long length) {
        this.directory = directory;
        this.count = count;
        this.nameLength = nameLength;
        this.length = length;
    }

    /** Runs all. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory(Path.of(arguments[1]), "memguard-size");
        int count = Integer.parseInt(arguments[2]);
        int length = Integer.parseInt(arguments[3]);
        try {
            if (arguments[0].equals("names")) {
                new Size(directory, count, length, SHORT).names();
            } else {
                new Size(directory, count, 40, length).values();
            }
        } finally {
            new ProcessBuilder("rm", "-rf", directory.toString()).start().waitFor();
        }
        System.out.println("done");
    }

    private void names() throws Exception {
        try (var guard = open();
                var arena = Arena.ofConfined()) {
            var value = arena.allocate(length);
            time("storeAll", () -> storeAll(guard, value));
            time("rotate", () -> rotate(guard));
            time("storeAll.again", () -> storeAll(guard, value));
            time("stats", () -> require(guard.stats().itemsCount() == count));
        }
        try (var guard = open()) {
            time("list", () -> list(guard));
            time("read", () -> read(guard));
        }
        time("verify", this::verify);
        try (var guard = open()) {
            time("cleanupAll", () -> require(guard.cleanupAll() == count));
        }
    }

    private boolean storeAll(MemGuard guard, MemorySegment value) {
        for (int i = 0; i < count; i += GROUP) {
            var group = new LinkedHashMap<String, MemorySegment>();
            for (int n = i; n < Math.min(count, i + GROUP); n++) {
                group.put(name(n), value);
            }
            guard.storeAllSegments(group);
            guard.cleanupMemory(); // What is in the cache has a handle on the heap.
        }
        return true;
    }

    private boolean list(MemGuard guard) {
        List<String> names = guard.list();
        String before = "";
        for (String name : names) {
            require(before.compareTo(name) < 0);
            before = name;
        }
        return require(names.size() == count && names.getFirst().equals(name(0)));
    }

    private boolean read(MemGuard guard) {
        for (int i = 0; i < count; i++) {
            require(guard.<Long, RuntimeException>read(name(i), MemorySegment::byteSize) == length);
            if (i % GROUP == 0) {
                guard.cleanupMemory();
            }
        }
        return true;
    }

    private void values() throws Exception {
        try (var guard = open()) {
            time("store", () -> {
                for (int i = 0; i < count; i++) {
                    store(guard, i);
                }
                return true;
            });
        }
        time("read", this::readAll);
        try (var guard = open()) {
            time("rotate", () -> rotate(guard));
        }
        time("read.after.rotate", this::readAll);
        time("verify", this::verify);
    }

    private void store(MemGuard guard, int number) throws IOException {
        try (var value = SecretBuffer.allocate(length)) {
            value.write(segment -> {
                fill(segment, number);
                return true;
            });
            guard.store(name(number), value);
            guard.cleanupMemory();
        }
    }

    private boolean readAll() {
        try (var guard = open()) {
            for (int i = 0; i < count; i++) {
                int number = i;
                require(guard.<Boolean, RuntimeException>read(name(i), segment -> matches(segment, number)));
                guard.cleanupMemory();
            }
        }
        return true;
    }

    /** Every page, and the last byte, tell which value it is; for so much memory as little as will do. */
    private static void fill(MemorySegment segment, int number) {
        for (long at = 0; at + Long.BYTES <= segment.byteSize(); at += 512) {
            segment.set(ValueLayout.JAVA_LONG_UNALIGNED, at, at + number);
        }
        segment.set(ValueLayout.JAVA_BYTE, segment.byteSize() - 1, (byte) number);
    }

    private static boolean matches(MemorySegment segment, int number) {
        for (long at = 0; at + Long.BYTES <= segment.byteSize() - 1; at += 512) {
            if (segment.get(ValueLayout.JAVA_LONG_UNALIGNED, at) != at + number) {
                return false;
            }
        }
        return segment.get(ValueLayout.JAVA_BYTE, segment.byteSize() - 1) == (byte) number;
    }

    private static boolean rotate(MemGuard guard) {
        guard.rotate((done, total) -> {});
        return true;
    }

    private boolean verify() {
        var problems = new ArrayList<String>();
        for (Finding finding : Doctor.store(directory, new NumberedKeys(), Optional.of((done, total) -> {}))) {
            if (finding.level() == Finding.Level.PROBLEM) {
                problems.add(finding.toString());
            }
        }
        return require(problems.isEmpty());
    }

    private MemGuard open() {
        return MemGuard.at(directory)
                .keys(new NumberedKeys())
                .mode(OpenMode.OPEN_OR_CREATE)
                .open();
    }

    private String name(int number) {
        String name = String.format(Locale.ROOT, "service-%04d/database/password/%07d", number % 1000, number);
        return name + "x".repeat(nameLength - name.length());
    }

    private static boolean require(boolean condition) {
        if (!condition) {
            throw new AssertionError("not what was stored");
        }
        return true;
    }

    /** How many seconds of the processors it takes, which says more than the clock where others run beside it. */
    private double time(String what, Callable<Boolean> task) throws Exception {
        long begin = System.nanoTime();
        long cpu = cpuTime();
        require(task.call());
        double seconds = (cpuTime() - cpu) / 1e9;
        System.out.printf(Locale.ROOT, "%s %.2f s%n", what, (System.nanoTime() - begin) / 1e9);
        System.out.printf(Locale.ROOT, "%s.cpu %.2f s%n", what, seconds);
        System.out.printf(Locale.ROOT, "%s.peak.memory %d MiB%n", what, peakMemory());
        return seconds;
    }

    private static long cpuTime() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
    }

    /** Of the whole process, its heap among it. */
    private static long peakMemory() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith("VmHWM:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
                    .findFirst()
                    .orElse(0);
        }
    }
}
