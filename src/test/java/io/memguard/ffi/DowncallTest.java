package io.memguard.ffi;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Functions of the C library, of different shapes, by the one shape of call. */
class DowncallTest {
    private static final int NO_ENTRY = 2; // ENOENT
    private static final int BAD_DESCRIPTOR = 9; // EBADF
    private static final long SIZE = 100;

    private static MemorySegment function(String name) {
        return Linker.nativeLinker().defaultLookup().find(name).orElseThrow();
    }

    @Test
    void anIntIsNegativeOnBothWays() {
        assertEquals(7, Downcall.callInt(function("abs"), -7));
        assertEquals(-1, Downcall.callInt(function("close"), -1));
        assertEquals(-5, Downcall.callInt(function("atoi"), Arena.global().allocateFrom("-5")));
    }

    @Test
    void aByteIsANumber() {
        assertEquals(1, Downcall.callInt(function("abs"), (byte) 1));
    }

    @Test
    void aLongHasAllItsBits() {
        assertEquals(Long.MAX_VALUE, Downcall.callLong(function("labs"), -Long.MAX_VALUE));
        assertEquals(
                Long.MIN_VALUE,
                Downcall.callLong(
                        function("strtol"),
                        Arena.global().allocateFrom("-9223372036854775808"),
                        MemorySegment.NULL,
                        10));
    }

    @Test
    void aFunctionWithoutArgumentsAnswers() {
        assertEquals(ProcessHandle.current().pid(), Downcall.callInt(function("getpid")));
    }

    @Test
    void aPointerThatIsReturnedCanBeRead() {
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom("name=value");
            assertEquals(
                    "=value",
                    Downcall.callPointer(function("strchr"), text, (int) '=').getString(0));
            assertEquals(
                    MemorySegment.NULL.address(),
                    Downcall.callPointer(function("strchr"), text, (int) '?').address());
        }
    }

    @Test
    void nothingIsReturned() {
        try (var arena = Arena.ofConfined()) {
            var bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, new byte[] {1, 2, 3});
            Downcall.callVoid(function("explicit_bzero"), bytes, 2L);
            assertArrayEquals(new byte[] {0, 0, 3}, bytes.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** Six words in registers and two on the stack, to a function that looks at how many vector registers are used. */
    @Test
    void eightArgumentsOfAFunctionWithVariableOnesArrive() {
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(SIZE);
            int length = Downcall.callInt(
                    function("snprintf"),
                    out,
                    SIZE,
                    arena.allocateFrom("%d %ld %s %d %d"),
                    -1,
                    Long.MAX_VALUE,
                    arena.allocateFrom("text"),
                    -2,
                    3);
            assertEquals("-1 9223372036854775807 text -2 3", out.getString(0));
            assertEquals(out.getString(0).length(), length);
        }
    }

    @Test
    void moreArgumentsAreRefused() {
        var abs = function("abs");
        assertThrows(IllegalArgumentException.class, () -> Downcall.callInt(abs, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    }

    @Test
    void memoryThatIsGoneOrOnTheHeapIsRefused() {
        var length = function("strlen");
        MemorySegment gone;
        try (var arena = Arena.ofConfined()) {
            gone = arena.allocateFrom("gone");
            assertEquals(4, Downcall.callLong(length, gone));
        }
        assertThrows(IllegalStateException.class, () -> Downcall.callLong(length, gone));
        var heap = MemorySegment.ofArray(new byte[1]);
        assertThrows(IllegalArgumentException.class, () -> Downcall.callLong(length, heap));
    }

    @Test
    void sharedMemoryCannotBeFreedDuringACall() throws Exception {
        try (var pool = Executors.newSingleThreadExecutor();
                var arena = Arena.ofConfined();
                var shared = Arena.ofShared()) {
            var ends = arena.allocate(ValueLayout.JAVA_INT, 2);
            assertEquals(0, Downcall.callInt(function("pipe"), ends));
            var buffer = shared.allocate(1);
            int from = ends.getAtIndex(ValueLayout.JAVA_INT, 0);
            int to = ends.getAtIndex(ValueLayout.JAVA_INT, 1);
            var text = arena.allocateFrom("x");
            var reading = pool.submit(() -> Downcall.callLong(function("read"), from, buffer, 1L));
            try {
                awaitInside(from);
                assertThrows(IllegalStateException.class, shared::close);
            } finally { // Else it would read forever.
                assertEquals(1, Downcall.callLong(function("write"), to, text, 1L));
            }
            assertEquals(1, reading.get());
            Downcall.callInt(function("close"), from);
            Downcall.callInt(function("close"), to);
        }
    }

    /** Until some thread waits in read(2) of this descriptor; see proc_pid_syscall(5). */
    private static void awaitInside(int descriptor) throws Exception {
        String inRead = "0 0x" + Integer.toHexString(descriptor) + " ";
        for (int i = 0; i < 10_000; i++) {
            try (var threads = Files.list(Path.of("/proc/self/task"))) {
                for (Path thread : (Iterable<Path>) threads::iterator) {
                    if (call(thread).startsWith(inRead)) {
                        return;
                    }
                }
            }
            Thread.sleep(1);
        }
        fail("no thread reads");
    }

    private static String call(Path thread) {
        try {
            return Files.readString(thread.resolve("syscall"));
        } catch (IOException e) {
            return ""; // It has ended meanwhile.
        }
    }

    @Test
    void neitherAFractionNorATruthIsAWord() {
        var abs = function("abs");
        assertThrows(IllegalArgumentException.class, () -> Downcall.callInt(abs, 1.5));
        assertThrows(IllegalArgumentException.class, () -> Downcall.callInt(abs, true));
    }

    @Test
    void eachThreadHasItsOwnErrno() throws Exception {
        try (var pool = Executors.newFixedThreadPool(4)) {
            for (Future<Boolean> result : pool.invokeAll(
                    IntStream.range(0, 4).mapToObj(DowncallTest::failures).toList())) {
                assertTrue(result.get());
            }
        }
    }

    private static Callable<Boolean> failures(int thread) {
        return () -> {
            try (var arena = Arena.ofConfined()) {
                var state = Downcall.allocateState(arena);
                var missing = arena.allocateFrom("/nowhere/at all");
                for (int i = 0; i < 10_000; i++) {
                    boolean open = (i + thread) % 2 == 0;
                    int result = open
                            ? Downcall.callIntKeepingErrno(state, function("open"), missing, 0)
                            : Downcall.callIntKeepingErrno(state, function("close"), -1);
                    if (result != -1 || Downcall.errno(state) != (open ? NO_ENTRY : BAD_DESCRIPTOR)) {
                        return false;
                    }
                }
                return true;
            }
        };
    }
}
