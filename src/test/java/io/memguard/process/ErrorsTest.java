package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuardException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * StackOverflowError and OutOfMemoryError at any point of a public call: nothing crashes, stays lent or locked, or can't be
 * read any more, and {@code close()} ends.
 */
class ErrorsTest {
    @TempDir
    Path directory;

    private void run(Class<?> main, String... options) throws Exception {
        var before = new ArrayList<>(List.of("env", "_JAVA_OPTIONS=" + String.join(" ", options)));
        try (var child = ChildJvm.start(main, before, List.of(directory.toString()))) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            assertTrue(said.contains("all calls work"), said);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:+TieredCompilation"})
    void anOverflowOfTheStackLeavesNothingBehind(String mode) throws Exception {
        run(StackEnd.class, mode, "-XX:ErrorFile=" + directory.resolve("hs_err.log"));
    }

    /** The smallest input that once crashed: the error came between counting a user and opening the pages. */
    @Test
    void manyThreadsAtTheEndsOfTheirStacksCloseNoPagesToOthers() throws Exception {
        run(ManyStackEnds.class, "-XX:ErrorFile=" + directory.resolve("hs_err.log"));
    }

    @Test
    void aFullHeapLeavesNothingBehind() throws Exception {
        run(
                FullHeap.class,
                "-Xmx12m",
                "-XX:+UseSerialGC",
                System.getProperty("fullHeapMode", "-XX:+TieredCompilation"),
                "-XX:ErrorFile=" + directory.resolve("hs_err.log"));
    }

    /** Every call at each of the last levels of a stack. */
    static final class StackEnd {
        private static final int LEVELS = Integer.getInteger("levels", 500);
        private static int left;
        private static int failed;

        private StackEnd() {}

        public static void main(String[] arguments) throws InterruptedException {
            var every = new EveryCall(Path.of(arguments[0]));
            every.check("at the start");
            for (var call : every.calls().entrySet()) {
                left = LEVELS;
                failed = 0;
                var thread = new Thread(null, () -> dive(call.getValue()), "diver", 256 << 10);
                thread.start();
                thread.join();
                if (failed == 0) {
                    throw new AssertionError(call.getKey() + " was never hit");
                }
                every.check(call.getKey());
            }
            every.close();
            System.out.println("all calls work");
        }

        @SuppressWarnings("InfiniteRecursion") // Until the stack ends.
        private static void dive(Runnable call) {
            try {
                dive(call);
            } catch (StackOverflowError e) {
                // The deepest level; from here on upwards.
            }
            if (left > 0) {
                left--;
                try {
                    call.run();
                } catch (StackOverflowError e) {
                    failed++;
                }
            }
        }
    }

    /** Many threads that go on at the end of their stacks with one buffer. */
    static final class ManyStackEnds {
        private ManyStackEnds() {}

        public static void main(String[] arguments) throws InterruptedException {
            var every = new EveryCall(Path.of(arguments[0]));
            var threads = new Thread[20];
            for (int i = 0; i < threads.length; i++) {
                threads[i] = new Thread(null, () -> endlessly(every.calls().get("buffer.read")), "diver", 256 << 10);
                threads[i].start();
            }
            for (var thread : threads) {
                thread.join();
            }
            every.check("at the start");
            every.close();
            System.out.println("all calls work");
        }

        private static void endlessly(Runnable call) {
            try {
                dive(call);
            } catch (StackOverflowError e) {
                // The end.
            }
        }

        @SuppressWarnings("InfiniteRecursion") // Until the stack ends.
        private static void dive(Runnable call) {
            try {
                call.run();
            } catch (StackOverflowError e) {
                // Further.
            }
            dive(call);
        }
    }

    /** Every call while the heap has room for nothing, a few bytes, a few more. */
    static final class FullHeap {
        private static final int STEPS = Integer.getInteger("steps", 3);

        private FullHeap() {}

        public static void main(String[] arguments) {
            var every = new EveryCall(Path.of(arguments[0]));
            every.check("at the start");
            int hit = 0;
            String only = System.getProperty("only", "");
            for (var call : every.calls().entrySet()) {
                if (call.getKey().startsWith(only)) {
                    hit += sweep(call.getValue());
                    every.check(call.getKey());
                }
            }
            if (only.isEmpty() && hit < every.calls().size()) {
                throw new AssertionError("only " + hit + " calls were hit");
            }
            every.close();
            System.out.println("all calls work");
        }

        private static int sweep(Runnable call) {
            Object[] ballast = new Object[1];
            Object[] room = new Object[STEPS];
            for (int i = 0; i < STEPS; i++) {
                room[i] = new byte[32 << 2 * i];
            }
            int hit = 0;
            fill(ballast);
            for (int i = 0; i < STEPS; i++) {
                try {
                    call.run();
                } catch (OutOfMemoryError | MemGuardException e) {
                    hit++;
                }
                room[i] = null;
            }
            ballast[0] = null;
            return hit;
        }

        /** Bytes: the collector does not look into them, at each of the many collections that follow. */
        private static void fill(Object[] ballast) {
            for (int size = 1 << 20; size >= 16; size /= 16) {
                try {
                    while (true) {
                        ballast[0] = new Object[] {ballast[0], new byte[size]};
                    }
                } catch (OutOfMemoryError e) {
                    // Smaller ones, then.
                }
            }
        }
    }
}
