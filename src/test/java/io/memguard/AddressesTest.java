package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every public method that takes a segment, with each strange kind of one: an error at most, never a fault. */
class AddressesTest {
    private static final long PAGES = 16 * 4096;

    @TempDir
    Path directory;

    private MemGuard guard;
    private Secret secret;
    private final Arena arena = Arena.ofShared();

    @BeforeEach
    void open() {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        try (var value = Secrets.random(PAGES, 1)) {
            guard.store("a", value);
        }
        secret = guard.secret("a").orElseThrow();
    }

    @AfterEach
    void close() {
        guard.close();
        arena.close();
    }

    private Map<String, Consumer<MemorySegment>> readers() {
        var calls = new LinkedHashMap<String, Consumer<MemorySegment>>();
        calls.put("copyOf", segment -> SecretBuffer.copyOf(segment).close());
        calls.put("contentEquals", segment -> secret.contentEquals(segment));
        calls.put("store", segment -> guard.store("x", segment));
        calls.put("storeAllSegments", segment -> guard.storeAllSegments(Collections.singletonMap("y", segment)));
        calls.put(
                "storeEphemeral",
                segment -> guard.storeEphemeral("z", segment, Duration.ofMinutes(1), Duration.ofMinutes(1)));
        return calls;
    }

    private void eachIsRefused(Map<String, Consumer<MemorySegment>> calls, @Nullable MemorySegment segment) {
        calls.forEach((name, call) -> {
            var refused = assertThrows(MemGuardException.class, () -> call.accept(segment), name);
            assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code(), name);
        });
        check();
    }

    private void check() {
        assertEquals(true, guard.<Boolean, RuntimeException>read("a", s -> Secrets.matches(s, 1)));
        assertEquals(0, guard.memoryUsage().windowsInUse());
    }

    private Map<String, Consumer<MemorySegment>> all() {
        var calls = readers();
        calls.put("copyTo", segment -> secret.copyTo(segment));
        return calls;
    }

    @Test
    void noSegmentIsNone() {
        eachIsRefused(all(), null);
    }

    @Test
    void memoryOfTheHeapIsRefused() {
        eachIsRefused(all(), MemorySegment.ofArray(new byte[(int) PAGES]));
    }

    @Test
    void memoryOfAClosedArenaIsRefused() {
        MemorySegment closed;
        try (var gone = Arena.ofConfined()) {
            closed = gone.allocate(PAGES);
        }
        eachIsRefused(all(), closed);
    }

    @Test
    void aBorrowThatIsOverIsRefused() {
        eachIsRefused(all(), secret.<MemorySegment, RuntimeException>read(lent -> lent));
    }

    @Test
    @SuppressWarnings("MustBeClosedChecker") // Its thread has ended.
    void memoryOfAnotherThreadIsRefused() throws InterruptedException {
        var ended = new MemorySegment[1];
        var thread = new Thread(() -> ended[0] = Arena.ofConfined().allocate(PAGES));
        thread.start();
        thread.join();
        eachIsRefused(all(), ended[0]);
    }

    @Test
    void aReadOnlySegmentIsReadAndNeverWritten() throws IOException {
        MemorySegment memory = arena.allocate(PAGES);
        Secrets.fill(memory, 2);
        readers().values().forEach(call -> call.accept(memory.asReadOnly()));
        eachIsRefused(Map.of("copyTo", secret::copyTo), memory.asReadOnly());
        assertTrue(Secrets.matches(memory, 2));
        try (var buffer = Secrets.random(PAGES, 3)) {
            assertRefused(() -> buffer.read(secret::copyTo));
            assertRefused(() -> secret.read(lent -> secret.copyTo(lent)));
            assertTrue(buffer.<Boolean, RuntimeException>read(s -> Secrets.matches(s, 3)));
        }
        try (var file = file(PAGES)) {
            eachIsRefused(Map.of("copyTo", secret::copyTo), file.getChannel().map(MapMode.READ_ONLY, 0, PAGES, arena));
        }
        check();
    }

    private static void assertRefused(org.junit.jupiter.api.function.Executable call) {
        assertEquals(
                ErrorCode.INVALID_ARGUMENTS,
                assertThrows(MemGuardException.class, call).code());
    }

    private RandomAccessFile file(long length) throws IOException {
        var file = new RandomAccessFile(directory.resolve("mapped").toFile(), "rw");
        file.setLength(length);
        return file;
    }

    @Test
    void aMappedFileIsReadAndWrittenLikeMemory() throws IOException {
        try (var file = file(PAGES)) {
            MemorySegment mapped = file.getChannel().map(MapMode.READ_WRITE, 0, PAGES, arena);
            assertEquals(PAGES, secret.copyTo(mapped));
            assertTrue(Secrets.matches(mapped, 1));
            assertTrue(secret.contentEquals(mapped));
            Secrets.fill(mapped, 4);
            guard.store("mapped", mapped);
            assertTrue(guard.<Boolean, RuntimeException>read("mapped", s -> Secrets.matches(s, 4)));
            readers().values().forEach(call -> call.accept(mapped));
        }
        check();
    }

    @Test
    void aMappedFileThatBecameShorterIsAnErrorAndNoFault() throws IOException {
        try (var file = file(PAGES)) {
            MemorySegment mapped = file.getChannel().map(MapMode.READ_WRITE, 0, PAGES, arena);
            file.setLength(0);
            eachIsRefused(all(), mapped);
            eachIsRefused(all(), MemorySegment.ofBuffer(mapped.asByteBuffer()));
        }
        Files.delete(directory.resolve("mapped"));
    }

    @Test
    void nothingIsRightEverywhereOfWhateverKind() throws IOException {
        try (var file = file(4096)) {
            MemorySegment mapped = file.getChannel().map(MapMode.READ_WRITE, 0, 4096, arena);
            file.setLength(0);
            for (MemorySegment empty :
                    new MemorySegment[] {arena.allocate(0), MemorySegment.NULL, mapped.asSlice(9, 0)}) {
                readers().values().forEach(call -> call.accept(empty));
                assertEquals(0L, guard.<Long, RuntimeException>read("x", MemorySegment::byteSize));
                assertEquals(0L, guard.secret("x").orElseThrow().copyTo(empty));
            }
        }
        check();
    }

    @Test
    void moreThanAGibibyteIsRefusedAndComparesAsOther() {
        MemorySegment large =
                MemorySegment.ofAddress(arena.allocate(8).address()).reinterpret(SecretBuffer.MAX_SIZE + 1);
        var calls = readers();
        assertFalse(secret.contentEquals(large));
        calls.remove("contentEquals");
        eachIsRefused(calls, large);
    }
}
