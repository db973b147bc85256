package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Virtual threads on two carriers that wait for a lock of another process. */
class VirtualThreadsTest {
    private static final int ALL = 1 << 16;

    @TempDir
    Path directory = Path.of("");

    private int descriptor;

    @BeforeEach
    void makeStore() throws IOException {
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open()) {
            for (int i = 0; i < Readers.COUNT; i++) {
                try (var value = Secrets.text("value " + i)) {
                    guard.store("name " + i, value);
                }
            }
        }
        descriptor = Posix.openOrCreate(directory.resolve("memguard_secure").resolve("store.lock"));
    }

    @AfterEach
    void close() {
        Posix.closeQuietly(descriptor);
    }

    private ChildJvm readers() throws IOException {
        var child = ChildJvm.start(Readers.class, List.of(), List.of(directory.toString()));
        child.expect("open");
        return child;
    }

    @Test
    void anotherProcessThatHoldsTheLockStopsNoVirtualThreadButThoseThatNeedIt() throws Exception {
        try (var child = readers()) {
            assertTrue(Posix.lock(descriptor, 0, ALL, false));
            child.send("read");
            long steps = 0;
            for (int i = 0; i < 300 && steps < 100; i++) { // On a busy machine their first steps take a while.
                Thread.sleep(100);
                child.send("how many steps");
                steps = Long.parseLong(String.valueOf(child.readLine()));
            }
            assertTrue(steps >= 100, steps + " steps of an unrelated virtual thread in 30 seconds");
            child.send("now wait");
            Posix.unlock(descriptor, 0, ALL);
            child.expect("all read");
            child.send("end");
            assertEquals(0, child.exitCode());
        }
    }

    /** Its holder gives the lock back for a millisecond in fifty: a wait that only looks now and then would hardly see it. */
    @Test
    void theyGetALockThatIsSeldomFree() throws Exception {
        var done = new AtomicBoolean();
        try (var child = readers()) {
            var holder = Thread.ofPlatform().start(() -> {
                try {
                    while (!done.get()) {
                        Posix.lock(descriptor, 0, ALL, true);
                        Thread.sleep(50);
                        Posix.unlock(descriptor, 0, ALL);
                        Thread.sleep(1);
                    }
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            child.send("read");
            child.send("now wait");
            child.expect("all read");
            child.send("end");
            done.set(true);
            holder.join();
            assertEquals(0, child.exitCode());
        }
    }

    /** Reads from disk by virtual threads, beside one that only counts. */
    static final class Readers {
        static final int COUNT = 16;

        private Readers() {}

        public static void main(String[] arguments) throws Exception {
            System.setProperty("jdk.virtualThreadScheduler.parallelism", "2");
            System.setProperty("jdk.virtualThreadScheduler.maxPoolSize", "2");
            try (var guard = MemGuard.at(Path.of(arguments[0]))
                            .keys(new FixedKeys(1))
                            .open();
                    var in = new java.io.BufferedReader(new java.io.InputStreamReader(System.in))) {
                System.out.println("open");
                in.readLine();
                var steps = new AtomicLong();
                var read = new CountDownLatch(COUNT);
                for (int i = 0; i < COUNT; i++) {
                    int number = i;
                    Thread.ofVirtual().start(() -> {
                        if (("value " + number)
                                .equals(guard.<String, RuntimeException>read("name " + number, Secrets::text))) {
                            read.countDown();
                        }
                    });
                }
                Thread.ofVirtual().start(() -> {
                    while (steps.incrementAndGet() > 0) {
                        try {
                            Thread.sleep(1);
                        } catch (InterruptedException e) {
                            return;
                        }
                    }
                });
                while ("how many steps".equals(in.readLine())) {
                    System.out.println(steps.get());
                }
                read.await();
                System.out.println("all read");
                in.readLine();
            }
        }
    }
}
