package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Readers and writers of buffers that need two of them at once. */
class SharingTest {
    private final SecretBuffer a = Secrets.random(32, 1);
    private final SecretBuffer b = Secrets.random(32, 1);

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    @Test
    void comparisonsInBothOrdersBesideWritersOfBothEnd() throws Exception {
        try (var threads =
                Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory())) {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
            List<Future<?>> all = new ArrayList<>();
            for (Runnable task : List.<Runnable>of(
                    () -> a.contentEquals(b),
                    () -> b.contentEquals(a),
                    () -> a.write(MemorySegment::byteSize),
                    () -> b.write(MemorySegment::byteSize))) {
                all.add(threads.submit(() -> {
                    while (System.nanoTime() - end < 0) {
                        task.run();
                    }
                }));
            }
            join(threads, all);
        }
    }

    private static void join(java.util.concurrent.ExecutorService threads, List<Future<?>> all)
            throws InterruptedException, ExecutionException {
        try {
            for (var future : all) {
                future.get(20, TimeUnit.SECONDS);
            }
        } catch (TimeoutException e) {
            threads.shutdownNow();
            throw new AssertionError("they wait for each other", e);
        }
    }

    @Test
    void aReaderMayWaitForAnotherThreadsReadWhileAWriterWaits() throws Exception {
        try (var threads =
                Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory())) {
            var written = new CountDownLatch(1);
            List<Future<?>> all = List.of(threads.submit(() -> a.read(outer -> {
                var writer = Thread.ofPlatform().daemon().start(() -> {
                    a.write(MemorySegment::byteSize);
                    written.countDown();
                });
                while (writer.getState() == Thread.State.RUNNABLE || writer.getState() == Thread.State.NEW) {
                    Thread.onSpinWait();
                }
                return threads.submit(() -> a.read(MemorySegment::byteSize)).get(10, TimeUnit.SECONDS);
            })));
            join(threads, all);
            assertTrue(written.await(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aWriterIsAloneAndReadersAreNotMixedIn() throws Exception {
        try (var threads =
                Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory())) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                long seed = i + 5;
                all.add(threads.submit(() -> {
                    for (int round = 0; round < 2000; round++) {
                        a.write(segment -> {
                            Secrets.fill(segment, seed);
                            return Secrets.matches(segment, seed) ? 1 : fail("another writer was in it");
                        });
                        a.read(segment -> Secrets.matches(segment, 5) || Secrets.matches(segment, 6)
                                ? 1
                                : fail("a writer was in it"));
                    }
                }));
            }
            join(threads, all);
        }
    }

    @Test
    void anInterruptChangesNothingAndIsKept() {
        Thread.currentThread().interrupt();
        assertEquals(32L, a.<Long, RuntimeException>write(segment -> b.read(MemorySegment::byteSize)));
        assertTrue(Thread.interrupted());
    }

    @Test
    void aWriteInsideAReadOfTheSameBufferIsRefusedAndTheOtherWayAllowed() {
        assertThrows(IllegalStateException.class, () -> a.read(s -> a.write(MemorySegment::byteSize)));
        assertEquals(32L, a.<Long, RuntimeException>write(s -> a.read(MemorySegment::byteSize)));
        assertEquals(32L, a.<Long, RuntimeException>write(s -> a.write(MemorySegment::byteSize)));
        assertEquals(32L, a.<Long, RuntimeException>write(MemorySegment::byteSize));
    }
}
