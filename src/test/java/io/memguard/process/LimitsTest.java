package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.MemoryPolicy;
import io.memguard.MemoryUsage;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.os.HelperThread;
import io.memguard.os.Posix;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Little locked memory, as a user who may not lock more: root is not held to RLIMIT_MEMLOCK. */
class LimitsTest {
    private static final String NOBODY = "65534";

    private Path open;
    private final List<String> asNobody = new ArrayList<>();

    /** A place that another user can read, with this build in it. */
    @BeforeEach
    void copyForTheOtherUser() throws IOException {
        open = Files.createTempDirectory("memguard-limits");
        Files.setPosixFilePermissions(open, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
        if (Posix.effectiveUser() == 0) {
            asNobody.addAll(List.of("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"));
        }
    }

    @AfterEach
    void remove() throws IOException {
        try (Stream<Path> all = Files.walk(open)) {
            all.sorted(java.util.Comparator.reverseOrder())
                    .forEach(file -> file.toFile().delete());
        }
    }

    private String run(int kibibytes, String task, String... javaOptions) throws Exception {
        var classPath = new ArrayList<String>();
        int number = 0;
        for (String entry :
                Arrays.stream(ChildJvm.classPath().split(":")).distinct().toList()) {
            Path from = Path.of(entry);
            if (!entry.isEmpty() && Files.exists(from)) {
                Path to = open.resolve("cp" + number++ + "-" + from.getFileName());
                copy(from, to);
                classPath.add(to.toString());
            }
        }
        Path directory = Files.createDirectory(open.resolve("work" + number));
        if (Posix.effectiveUser() == 0) {
            Files.setAttribute(directory, "unix:uid", Integer.parseInt(NOBODY));
        }
        var before = new ArrayList<>(asNobody);
        before.addAll(List.of("prlimit", "--memlock=" + kibibytes * 1024 + ":" + kibibytes * 1024));
        before.addAll(List.of("env", "JAVA_TOOL_OPTIONS=" + String.join(" ", javaOptions)));
        try (var child =
                ChildJvm.start(String.join(":", classPath), Task.class, before, List.of(task, directory.toString()))) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            return said;
        }
    }

    static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            all.forEach(file -> {
                try {
                    Path target = to.resolve(from.relativize(file).toString());
                    Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
                    target.toFile().setReadable(true, false);
                    if (Files.isDirectory(target)) {
                        target.toFile().setExecutable(true, false);
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }

    @Test
    void smallValuesWorkWithin64KiB() throws Exception {
        assertTrue(run(64, "small").contains("small values work"));
    }

    @Test
    void smallValuesWorkWithin64KiBWithoutSecretMemory() throws Exception {
        assertTrue(run(64, "small", "-Dmemguard.memfd_secret=false").contains("small values work, LOCKED"));
    }

    @Test
    void aValueOverTheLimitSaysLimitNeedAndWayOut() throws Exception {
        String said = run(64, "large");
        assertTrue(said.contains("RLIMIT_MEMLOCK) is 65536 bytes"), said);
        assertTrue(said.contains("can't lock 10"), said);
        assertTrue(said.contains("LimitMEMLOCK="), said);
        assertTrue(said.contains("small values work"), said);
    }

    @Test
    void fiveMegabytesWorkWithin8MiB() throws Exception {
        assertTrue(run(8192, "five").contains("five megabytes work"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2500})
    void aBorrowWaitsForLockedMemoryAsLongAsWasSetAndTheErrorNamesTheLimit(int wait) throws Exception {
        String said = run(64, "wait", "-Dwait=" + wait);
        var waited = java.util.regex.Pattern.compile("waited (\\d+) ms").matcher(said);
        assertTrue(waited.find() && Long.parseLong(waited.group(1)) >= wait, said);
        assertTrue(said.contains("SECURITY_ERROR can't lock 40960 bytes"), said);
        assertTrue(said.contains("RLIMIT_MEMLOCK) is 65536 bytes"), said);
        assertTrue(said.contains("nothing leaked"), said);
    }

    /** As README said once: a callback that waits for the network. Ten windows, twenty times as many threads. */
    @Test
    void manyMoreThreadsThanWindowsAllGetTheirTurnWithin64KiB() throws Exception {
        String said = run(64, "rush");
        assertTrue(said.contains("0 of 600 borrows failed"), said);
        assertTrue(said.contains("nothing leaked"), said);
    }

    @Test
    void soManyBorrowsAtOnceAsIsWrittenAreServed() throws Exception {
        String said = run(64, "served");
        assertTrue(said.contains("served at once: 14 of 4096 bytes"), said); // README says so.
    }

    @Test
    void aThousandBorrowsAtOnceWorkWithin8MiB() throws Exception {
        assertTrue(run(8192, "thousand").contains("a thousand borrows work"));
    }

    @Test
    void withoutAnyLockedMemoryItSaysSoAndBestEffortIsAChoice() throws Exception {
        String said = run(0, "none");
        assertTrue(said.contains("RLIMIT_MEMLOCK) is 0 bytes"), said);
        assertTrue(said.contains("small values work, UNLOCKED"), said);
    }

    /** What the other user's JVM does. */
    static final class Task {
        private Task() {}

        public static void main(String[] arguments) throws InterruptedException {
            // A thousand nested borrows need a deep stack.
            var failed = new java.util.concurrent.atomic.AtomicBoolean();
            var thread = new Thread(null, () -> run(arguments), "task", 64 << 20);
            thread.setUncaughtExceptionHandler((dead, failure) -> {
                failure.printStackTrace();
                failed.set(true);
            });
            thread.start();
            thread.join();
            System.exit(failed.get() ? 1 : 0);
        }

        private static void run(String[] arguments) {
            Path directory = Path.of(arguments[1]);
            switch (arguments[0]) {
                case "small" -> small(open(directory, MemoryPolicy.REQUIRE_LOCKED));
                case "large" -> {
                    var guard = open(directory, MemoryPolicy.REQUIRE_LOCKED);
                    try {
                        Secrets.random(100_000, 1).close();
                        throw new AssertionError("100,000 bytes fit into 64 KiB");
                    } catch (MemGuardException e) {
                        System.out.println(e.code() + " " + e.getMessage());
                    }
                    small(guard);
                }
                case "five" -> {
                    var guard = open(directory, MemoryPolicy.REQUIRE_LOCKED);
                    byte[] bytes = new byte[5_000_000];
                    Secrets.fill(java.lang.foreign.MemorySegment.ofArray(bytes), 2);
                    // The caller's buffer and a window would need 10 MB at once: so the buffer goes first.
                    try (var value = SecretBuffer.readFrom(
                            Channels.newChannel(new ByteArrayInputStream(bytes)), SecretBuffer.MAX_SIZE)) {
                        guard.store("five", value);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                    for (int i = 0; i < 3; i++) {
                        check(guard.<Boolean, RuntimeException>read("five", s -> Secrets.matches(s, 2)));
                        guard.cleanupMemory();
                    }
                    check(guard.<Boolean, RuntimeException>read("five", s -> Secrets.matches(s, 2)));
                    // The window is kept for the next read, and gives way to a buffer.
                    check(guard.memoryUsage().lockedBytes() > 5_000_000);
                    try (var value = Secrets.random(5_000_000, 3)) {
                        guard.store("five", value);
                    }
                    check(guard.<Boolean, RuntimeException>read("five", s -> Secrets.matches(s, 3)));
                    System.out.println("five megabytes work");
                }
                case "wait" -> {
                    var guard = MemGuard.at(directory)
                            .keys(new FixedKeys(1))
                            .lockedMemoryWait(Duration.ofMillis(Integer.getInteger("wait")))
                            .open();
                    try (var value = Secrets.random(40_000, 1)) {
                        guard.store("a", value);
                    }
                    guard.<@Nullable Void, RuntimeException>read("a", outer -> {
                        long begin = System.nanoTime();
                        var refused = org.junit.jupiter.api.Assertions.assertThrows(
                                MemGuardException.class, () -> guard.read("a", MemorySegment::byteSize));
                        System.out.println("waited " + (System.nanoTime() - begin) / 1_000_000 + " ms");
                        System.out.println(refused.code() + " " + refused.getMessage());
                        return null;
                    });
                    check(guard.<Boolean, RuntimeException>read("a", s -> Secrets.matches(s, 1)));
                    check(guard.memoryUsage().windowsInUse() == 0);
                    System.out.println("nothing leaked");
                }
                case "rush" -> {
                    var guard = open(directory, MemoryPolicy.REQUIRE_LOCKED);
                    try (var value = Secrets.random(32, 1)) {
                        guard.store("a", value);
                    }
                    rush(guard);
                    check(guard.memoryUsage().windowsInUse() == 0);
                    System.out.println("nothing leaked");
                }
                case "served" -> {
                    var guard = MemGuard.at(directory)
                            .keys(new FixedKeys(1))
                            .lockedMemoryWait(Duration.ZERO)
                            .open();
                    for (int size : new int[] {32, 4096, 5000}) {
                        try (var value = Secrets.random(size, 1)) {
                            guard.store("a" + size, value);
                        }
                        System.out.println("served at once: " + served(guard, "a" + size) + " of " + size + " bytes");
                    }
                }
                case "thousand" -> {
                    var guard = open(directory, MemoryPolicy.REQUIRE_LOCKED);
                    try (var value = Secrets.random(32, 1)) {
                        guard.store("a", value);
                    }
                    nested(guard, 1000);
                    check(guard.memoryUsage().windowsInUse() == 0);
                    System.out.println("a thousand borrows work");
                }
                case "none" -> {
                    try {
                        open(directory, MemoryPolicy.REQUIRE_LOCKED).close();
                        throw new AssertionError("it opened without locked memory");
                    } catch (MemGuardException e) {
                        System.out.println(e.code() + " " + e.getMessage());
                    }
                    small(open(directory, MemoryPolicy.BEST_EFFORT));
                }
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        }

        private static void rush(MemGuard guard) {
            var failed = new AtomicInteger();
            var threads = new ArrayList<Thread>();
            for (int i = 0; i < 200; i++) {
                threads.add(Thread.ofVirtual().start(() -> {
                    for (int round = 0; round < 3; round++) {
                        try {
                            guard.<@Nullable Void, RuntimeException>read("a", s -> {
                                LockSupport.parkNanos(100_000_000); // connect(s)
                                return null;
                            });
                        } catch (MemGuardException e) {
                            failed.incrementAndGet();
                        }
                    }
                }));
            }
            for (var thread : threads) {
                HelperThread.join(thread);
            }
            System.out.println(failed + " of 600 borrows failed");
        }

        private static int served(MemGuard guard, String name) {
            try {
                return guard.<Integer, RuntimeException>read(name, s -> served(guard, name)) + 1;
            } catch (MemGuardException e) {
                return 0;
            }
        }

        private static MemGuard open(Path directory, MemoryPolicy policy) {
            return MemGuard.at(directory.resolve("store"))
                    .keys(new FixedKeys(1))
                    .policy(policy)
                    .open();
        }

        private static void nested(MemGuard guard, int depth) {
            guard.<Boolean, RuntimeException>read("a", segment -> {
                check(Secrets.matches(segment, 1));
                if (depth > 1) {
                    nested(guard, depth - 1);
                } else {
                    check(guard.memoryUsage().windowsInUse() == 1000);
                }
                return true;
            });
        }

        private static void small(MemGuard guard) {
            for (int size : new int[] {0, 1, 32, 4000, 4096}) {
                try (var value = Secrets.random(size, size)) {
                    guard.store("size " + size, value);
                }
                for (int i = 0; i < 3; i++) {
                    check(guard.<Boolean, RuntimeException>read("size " + size, s -> Secrets.matches(s, size)));
                    guard.cleanupMemory();
                }
            }
            MemoryUsage usage = guard.memoryUsage();
            check(usage.protection() == MemoryUsage.Protection.UNLOCKED || usage.unlockedBytes() == 0);
            System.out.println("small values work, " + usage.protection());
            guard.close();
        }

        private static void check(boolean claim) {
            if (!claim) {
                throw new AssertionError();
            }
        }
    }
}
