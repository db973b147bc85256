package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EphemeralTest {
    private static final Duration LONG = Duration.ofHours(1);

    @TempDir
    Path directory;

    private MemGuard guard;

    @BeforeEach
    void open() {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
    }

    @AfterEach
    void close() {
        guard.close();
    }

    private void keep(String name, String value, Duration timeToLive, Duration idle) {
        try (var buffer = Secrets.text(value)) {
            guard.storeEphemeral(name, buffer, timeToLive, idle);
        }
    }

    private String read(String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private long files() throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(file -> file.getFileName().toString().startsWith("mg_"))
                    .count();
        }
    }

    @Test
    void aValueThatIsReplacedAllTheTimeIsNeverMissing() throws Exception {
        keep("otp", "0", LONG, LONG);
        Thread writer = Thread.ofPlatform().start(() -> {
            for (int i = 1; i <= 5000; i++) {
                keep("otp", Integer.toString(i), LONG, LONG);
            }
        });
        int last = 0;
        do {
            int now = Integer.parseInt(read("otp"));
            assertTrue(now >= last, now + " after " + last);
            last = now;
        } while (writer.isAlive());
        assertEquals("5000", read("otp"));
    }

    @Test
    void nothingStaysInTheCacheOfWhatIsStoredReadAndDeletedAtOnce() throws Exception {
        Runnable storing = () -> {
            for (int i = 0; i < 150; i++) {
                try (var value = Secrets.text("value")) {
                    guard.store("busy", value);
                }
            }
        };
        Runnable deleting = () -> {
            for (int i = 0; i < 300; i++) {
                guard.delete("busy");
            }
        };
        Runnable reading = () -> {
            for (int i = 0; i < 3000; i++) {
                try {
                    assertEquals("value", read("busy"));
                } catch (MemGuardException e) {
                    assertEquals(ErrorCode.RETRIEVE_FAILED, e.code());
                }
            }
        };
        try (var threads = java.util.concurrent.Executors.newFixedThreadPool(4)) {
            for (var done : List.of(
                    threads.submit(storing),
                    threads.submit(deleting),
                    threads.submit(reading),
                    threads.submit(reading))) {
                done.get();
            }
        }
        guard.delete("busy");
        guard.cleanupMemory();
        assertEquals(0, guard.memoryUsage().items());
    }

    @Test
    void aMemoryOnlySecretIsReadAndNeverOnDisk() throws IOException {
        keep("otp", "123456", LONG, LONG);
        assertEquals("123456", read("otp"));
        assertEquals("123456", guard.secret("otp").orElseThrow().<String, RuntimeException>read(Secrets::text));
        assertTrue(guard.contains("otp"));
        assertEquals(Status.DONE, guard.retrieve("otp"));
        assertEquals(List.of("otp"), guard.list());
        assertEquals(0, files());
        assertEquals(0, guard.stats().itemsCount());
        try (var other = MemGuard.at(directory).keys(new FixedKeys(1)).open()) {
            assertFalse(other.contains("otp"));
        }
    }

    @Test
    void itIsGoneAfterItsTimeAndTheSweeperRemovesItByItself() throws InterruptedException {
        keep("otp", "123456", Duration.ofMillis(200), LONG);
        assertEquals(1, guard.memoryUsage().items());
        Thread.sleep(250);
        var gone = assertThrows(MemGuardException.class, () -> read("otp"));
        assertEquals(ErrorCode.RETRIEVE_FAILED, gone.code());
        keep("otp2", "123456", Duration.ofMillis(200), LONG);
        for (int i = 0; i < 100 && guard.memoryUsage().items() > 0; i++) {
            Thread.sleep(50); // Nothing but the sweeper touches it.
        }
        assertEquals(0, guard.memoryUsage().items());
        assertFalse(guard.contains("otp2"));
        assertTrue(guard.secret("otp2").isEmpty());
    }

    @Test
    void useKeepsItAliveAndIdlenessEndsIt() throws InterruptedException {
        keep("session", "token", LONG, Duration.ofMillis(600));
        for (int i = 0; i < 10; i++) {
            Thread.sleep(150);
            assertEquals("token", read("session"));
        }
        Thread.sleep(800);
        assertThrows(MemGuardException.class, () -> read("session"));
    }

    @Test
    void whatIsBorrowedOutlivesItsTime() {
        keep("otp", "123456", Duration.ofMillis(100), LONG);
        assertEquals("123456", guard.<String, RuntimeException>read("otp", segment -> {
            try {
                Thread.sleep(1200);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return Secrets.text(segment);
        }));
    }

    @Test
    void itIsReplacedDeletedAndForgotten() {
        keep("a", "one", LONG, LONG);
        keep("a", "two", LONG, LONG);
        assertEquals("two", read("a"));
        assertTrue(guard.delete("a"));
        assertFalse(guard.delete("a"));
        assertFalse(guard.contains("a"));
        keep("b", "three", LONG, LONG);
        guard.cleanupMemory();
        assertFalse(guard.contains("b"));
        assertEquals(0, guard.memoryUsage().items());
    }

    @Test
    void aStoredNameIsNotShadowedAndStoringReplaces() {
        try (var value = Secrets.text("on disk")) {
            guard.store("stored", value);
            var taken = assertThrows(
                    MemGuardException.class, () -> guard.storeEphemeral("stored", value, Duration.ofMinutes(1)));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, taken.code());
            keep("memory", "in memory", LONG, LONG);
            guard.store("memory", value);
        }
        assertEquals("on disk", read("memory"));
        guard.cleanupMemory();
        assertEquals("on disk", read("memory"));
    }

    @Test
    void afterItHasExpiredWhatAnotherProcessStoredUnderItsNameIsRead() throws InterruptedException {
        keep("shared", "in memory", Duration.ofMillis(300), LONG);
        Secret kept = guard.secret("shared").orElseThrow();
        try (var other = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                var value = Secrets.text("of the other")) {
            other.store("shared", value);
        }
        assertEquals("in memory", kept.<String, RuntimeException>read(Secrets::text));
        Thread.sleep(350);
        assertTrue(guard.contains("shared"));
        assertEquals("of the other", read("shared"));
        assertEquals("of the other", kept.<String, RuntimeException>read(Secrets::text));
        assertEquals(
                "of the other", guard.secret("shared").orElseThrow().<String, RuntimeException>read(Secrets::text));
    }

    @Test
    void anEmergencyReadOfWhatAnotherProcessStoredLeavesTheValueInMemory() {
        keep("shared", "in memory", LONG, LONG);
        try (var other = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                var value = Secrets.text("of the other")) {
            other.store("shared", value);
        }
        assertEquals("of the other", new String(guard.retrieveDirect("shared").orElseThrow()));
        assertEquals("in memory", read("shared"));
    }

    @Test
    void aDeletionThatWaitsTakesNoValueThatIsKeptMeanwhile() throws Exception {
        Path lock = directory.resolve("memguard_secure").resolve("store.lock");
        int descriptor = io.memguard.os.Posix.openOrCreate(lock);
        try (var thread = java.util.concurrent.Executors.newSingleThreadExecutor()) {
            assertTrue(io.memguard.os.Posix.lock(descriptor, 0, 1 << 16, false));
            var deleted = thread.submit(() -> guard.delete("otp"));
            Thread.sleep(200); // It waits for the lock by now; where it does not yet, this test can't fail.
            keep("otp", "123456", LONG, LONG);
            io.memguard.os.Posix.unlock(descriptor, 0, 1 << 16);
            assertFalse(deleted.get());
        } finally {
            io.memguard.os.Posix.closeQuietly(descriptor);
        }
        assertEquals("123456", read("otp"));
        assertTrue(guard.delete("otp"));
    }

    @Test
    void impossibleTimesAreRefused() {
        try (var value = Secrets.text("x")) {
            for (Duration time : new Duration[] {null, Duration.ZERO, Duration.ofSeconds(-1), Duration.ofNanos(1)}) {
                var error = assertThrows(MemGuardException.class, () -> guard.storeEphemeral("a", value, time));
                assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
            }
        }
    }

    @Test
    void aHydratedValueMayHaveAnIdleTime() throws InterruptedException {
        try (var short_ = MemGuard.at(directory)
                        .keys(new FixedKeys(1))
                        .cacheIdle(Duration.ofMillis(200))
                        .open();
                var value = Secrets.text("value")) {
            short_.store("a", value);
            assertEquals("value", short_.<String, RuntimeException>read("a", Secrets::text));
            for (int i = 0; i < 100 && short_.memoryUsage().items() > 0; i++) {
                Thread.sleep(50);
            }
            assertEquals(0, short_.memoryUsage().items());
            assertEquals("value", short_.<String, RuntimeException>read("a", Secrets::text));
        }
    }

    @Test
    void theSweeperEndsWithTheStore() throws InterruptedException {
        keep("a", "one", LONG, LONG);
        assertTrue(sweepers() > 0);
        guard.close();
        for (int i = 0; i < 100 && sweepers() > 0; i++) {
            Thread.sleep(20);
        }
        assertEquals(0, sweepers());
    }

    private static long sweepers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("memguard-sweeper"))
                .count();
    }
}
