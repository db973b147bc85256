package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BorrowTest {
    @TempDir
    Path directory;

    private MemGuard guard;
    private Secret secret;

    @BeforeEach
    void open() {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        store("a", "value of a");
        store("b", "value of b");
        secret = guard.secret("a").orElseThrow();
    }

    @AfterEach
    void nothingIsLentAtTheEnd() {
        assertEquals(0, guard.memoryUsage().windowsInUse());
        guard.close();
    }

    private void store(String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    private String read() {
        return secret.<String, RuntimeException>read(Secrets::text);
    }

    @Test
    void nestedBorrowsOfOneSecretAreIndependent() {
        secret.<@Nullable Void, RuntimeException>read(outer -> {
            secret.<@Nullable Void, RuntimeException>read(inner -> {
                assertNotEquals(outer.address(), inner.address());
                assertEquals(Secrets.text(outer), Secrets.text(inner));
                return null;
            });
            assertEquals("value of a", Secrets.text(outer));
            return null;
        });
    }

    @Test
    void severalAtOnce() {
        String all = guard.<String, RuntimeException>readAll(
                List.of("a", "b", "a"),
                segments ->
                        String.join(", ", segments.stream().map(Secrets::text).toList()));
        assertEquals("value of a, value of b, value of a", all);
        assertThrows(
                MemGuardException.class,
                () -> guard.<Integer, RuntimeException>readAll(List.of("a", "missing"), List::size));
        assertEquals(0, guard.<Integer, RuntimeException>readAll(List.of(), List::size));
    }

    @Test
    void aThousandAtOnceOnVirtualThreads() throws Exception {
        var all = new CyclicBarrier(1000);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var borrows = new ArrayList<Future<String>>();
            for (int i = 0; i < 1000; i++) {
                borrows.add(threads.submit(() -> secret.<String, Exception>read(segment -> {
                    all.await(); // All thousand are inside.
                    return Secrets.text(segment);
                })));
            }
            for (var borrow : borrows) {
                assertEquals("value of a", borrow.get());
            }
        }
    }

    @Test
    void aVirtualThreadMayBeUnmountedInsideAlsoWhilePinned() throws Exception {
        Object monitor = new Object();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var borrows = new ArrayList<Future<String>>();
            for (int i = 0; i < 20; i++) {
                boolean pinned = i % 2 == 0;
                borrows.add(threads.submit(() -> secret.<String, Exception>read(segment -> {
                    if (pinned) {
                        synchronized (monitor) {
                            Thread.sleep(5);
                        }
                    } else {
                        Thread.sleep(20);
                    }
                    return Secrets.text(segment);
                })));
            }
            for (var borrow : borrows) {
                assertEquals("value of a", borrow.get());
            }
        }
    }

    @Test
    void exceptionsOfAllKindsPassUnchanged() {
        var checked = new IOException("checked");
        var error = new AssertionError("error");
        assertSame(
                checked,
                assertThrows(
                        IOException.class,
                        () -> secret.read(segment -> {
                            throw checked;
                        })));
        assertSame(
                error,
                assertThrows(
                        AssertionError.class,
                        () -> secret.read(segment -> {
                            throw error;
                        })));
        assertEquals("value of a", read());
    }

    @Test
    void anInterruptedBorrowGoesOn() {
        Thread.currentThread().interrupt();
        assertEquals("value of a", read());
        assertTrue(Thread.interrupted());
    }

    @Test
    void leakedSegmentsAndViewsThrow() {
        var segments = new ArrayList<MemorySegment>();
        var views = new ArrayList<ByteBuffer>();
        secret.<@Nullable Void, RuntimeException>read(segment -> {
            segments.add(segment);
            segments.add(segment.asSlice(2, 3));
            views.add(segment.asByteBuffer());
            views.add(segment.asByteBuffer().slice(1, 2).duplicate());
            return null;
        });
        for (MemorySegment leaked : segments) {
            assertThrows(IllegalStateException.class, () -> leaked.get(ValueLayout.JAVA_BYTE, 0));
        }
        for (ByteBuffer leaked : views) {
            assertThrows(IllegalStateException.class, () -> leaked.get(0));
        }
    }

    @Test
    void anotherThreadIsRefused() throws InterruptedException {
        var seen = new AtomicReference<@Nullable Throwable>();
        secret.<@Nullable Void, InterruptedException>read(segment -> {
            var thread = Thread.startVirtualThread(() -> {
                try {
                    segment.get(ValueLayout.JAVA_BYTE, 0);
                } catch (Throwable e) {
                    seen.set(e);
                }
            });
            thread.join();
            return null;
        });
        assertInstanceOf(WrongThreadException.class, seen.get());
    }

    @Test
    void aLentSegmentIsReadOnlyAndEndsWithTheValue() {
        secret.<@Nullable Void, RuntimeException>read(segment -> {
            assertEquals("value of a".length(), segment.byteSize());
            assertThrows(IllegalArgumentException.class, () -> segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
            assertThrows(IndexOutOfBoundsException.class, () -> segment.get(ValueLayout.JAVA_BYTE, segment.byteSize()));
            assertTrue(segment.asByteBuffer().isReadOnly());
            return null;
        });
    }

    @Test
    void overwritesDeletionCleanupAndCloseOnOtherThreadsLeaveABorrowAlone() throws Exception {
        for (Runnable disturbance : List.<Runnable>of(
                () -> store("a", "other value"),
                () -> guard.delete("a"),
                () -> guard.cleanupMemory(),
                () -> guard.cleanupAll(),
                () -> guard.close())) {
            var inside = new CountDownLatch(1);
            var disturbed = new CountDownLatch(1);
            var seen = new AtomicReference<@Nullable String>();
            String expected = read();
            var reader = Thread.startVirtualThread(() -> seen.set(secret.<String, RuntimeException>read(segment -> {
                inside.countDown();
                try {
                    disturbed.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                return Secrets.text(segment);
            })));
            inside.await();
            disturbance.run();
            disturbed.countDown();
            reader.join();
            assertEquals(expected, seen.get());
            guard.close();
            guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
            store("a", "value again");
            secret = guard.secret("a").orElseThrow();
        }
    }

    @Test
    void copiesGoWhereTheCallerWants() throws IOException {
        try (var copy = secret.copy()) {
            assertEquals("value of a", copy.<String, RuntimeException>read(Secrets::text));
        }
        var out = new ByteArrayOutputStream();
        secret.writeTo(Channels.newChannel(out));
        assertEquals("value of a", out.toString(StandardCharsets.UTF_8));
        try (var arena = Arena.ofConfined()) {
            var target = arena.allocate(20);
            assertEquals(10, secret.copyTo(target));
            assertEquals("value of a", target.getString(0));
            var small = arena.allocate(9);
            var error = assertThrows(MemGuardException.class, () -> secret.copyTo(small));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
            assertEquals(0, small.get(ValueLayout.JAVA_BYTE, 0));
        }
        var heap = assertThrows(MemGuardException.class, () -> secret.copyTo(MemorySegment.ofArray(new byte[100])));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, heap.code());
    }

    @Test
    void comparesWithoutTellingWhere() {
        for (String other : List.of("value of a", "value of b", "value", "value of a and more", "")) {
            try (var buffer = Secrets.text(other)) {
                assertEquals(other.equals("value of a"), secret.contentEquals(buffer));
            }
        }
    }

    @Test
    void sixtyFourMegabytesWorkWhereTheLimitAllows() {
        long size = 64L << 20;
        try (var value = SecretBuffer.allocate(size)) {
            guard.store("large", value);
        } catch (MemGuardException e) {
            assertEquals(ErrorCode.SECURITY_ERROR, e.code());
            assertTrue(e.getMessage().contains("RLIMIT_MEMLOCK"), e.getMessage());
            return; // An ordinary user with an ordinary limit.
        }
        assertEquals(size, guard.secret("large").orElseThrow().size());
    }
}
