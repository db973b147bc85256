package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectAccessTest {
    @TempDir
    Path directory;

    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5); // nanoTime may overflow

    private void pass(Duration time) {
        now.addAndGet(time.toNanos());
    }

    private static void assertRefused(long seconds, DirectAccessLimit limit, String name) {
        var error = assertThrows(MemGuardException.class, () -> limit.count(name));
        assertEquals(ErrorCode.RATE_LIMIT_EXCEEDED, error.code());
        assertTrue(error.getMessage().contains("wait " + seconds + " s"), error.getMessage());
        assertTrue(
                error.retryAfter().toSeconds() <= seconds && error.retryAfter().isPositive());
    }

    @Test
    void fiveInAnySixtySecondsSlidingAndEachNameForItself() {
        var limit = new DirectAccessLimit(now::get);
        for (int i = 0; i < 5; i++) {
            limit.count("a");
            pass(Duration.ofSeconds(10));
        }
        // Reads at 0, 10, 20, 30, 40; it is 50 now.
        assertRefused(10, limit, "a");
        limit.count("b");
        pass(Duration.ofMillis(9_999));
        assertRefused(1, limit, "a");
        pass(Duration.ofMillis(1));
        limit.count("a");
        assertRefused(10, limit, "a"); // The next one leaves the window ten seconds later, not all at once.
        pass(Duration.ofMinutes(10));
        for (int i = 0; i < 5; i++) {
            limit.count("a");
        }
        assertRefused(60, limit, "a");
    }

    @Test
    void itsMemoryIsBoundedAndNobodyIsForgottenTooEarly() {
        var limit = new DirectAccessLimit(now::get);
        for (int i = 0; i < 5; i++) {
            limit.count("victim");
        }
        int counted = 1;
        while (counted < DirectAccessLimit.NAMES) {
            limit.count("name " + counted++);
        }
        assertRefused(60, limit, "one more");
        assertRefused(60, limit, "victim");
        pass(Duration.ofSeconds(60));
        limit.count("one more");
        limit.count("victim");
    }

    @Test
    void manyThreadsTogetherGetFive() throws Exception {
        var limit = new DirectAccessLimit(System::nanoTime);
        var passed = new AtomicInteger();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 200; i++) {
                threads.execute(() -> {
                    try {
                        limit.count("a");
                        passed.incrementAndGet();
                    } catch (MemGuardException e) {
                        assertEquals(ErrorCode.RATE_LIMIT_EXCEEDED, e.code());
                    }
                });
            }
        }
        assertEquals(5, passed.get());
    }

    @Test
    void deletingAndStoringAgainResetsNothing() {
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                var value = Secrets.text("value")) {
            guard.store("a", value);
            guard.store("b", value);
            for (int i = 0; i < 5; i++) {
                assertArrayEquals(
                        "value".getBytes(java.nio.charset.StandardCharsets.UTF_8),
                        guard.retrieveDirect("a").orElseThrow());
                guard.delete("a");
                guard.store("a", value);
            }
            var error = assertThrows(MemGuardException.class, () -> guard.retrieveDirect("a"));
            assertEquals(ErrorCode.RATE_LIMIT_EXCEEDED, error.code());
            assertTrue(guard.retrieveOnHeap("b").isPresent(), "the same under its franker name");
            assertEquals("value", guard.<String, RuntimeException>read("a", Secrets::text));
        }
    }

    /** The limit is the process's, by store and name: another instance, or one after the other, gets no more. */
    @Test
    void closingAndOpeningResetsNothing(@TempDir Path another) {
        int passed = 0;
        for (int instance = 0; instance < 3; instance++) {
            try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                    var value = Secrets.text("value")) {
                guard.store("a", value);
                for (int i = 0; i < 3; i++) {
                    try {
                        guard.retrieveDirect("a");
                        passed++;
                    } catch (MemGuardException e) {
                        assertEquals(ErrorCode.RATE_LIMIT_EXCEEDED, e.code());
                    }
                }
            }
        }
        assertEquals(5, passed);
        try (var guard = MemGuard.at(another).keys(new FixedKeys(1)).open()) {
            assertTrue(guard.retrieveDirect("a").isEmpty(), "the same name of another store counts by itself");
        }
    }

    @Test
    void itFillsTheCache() {
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                var value = Secrets.text("value")) {
            guard.store("a", value);
            guard.cleanupMemory();
            assertEquals(0, guard.memoryUsage().items());
            guard.retrieveDirect("a");
            assertEquals(1, guard.memoryUsage().items());
            assertTrue(guard.retrieveDirect("nothing").isEmpty());
        }
    }
}
