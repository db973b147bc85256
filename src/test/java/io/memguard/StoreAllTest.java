package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreAllTest {
    @TempDir
    Path directory = Path.of("");

    private MemGuard open() {
        return MemGuard.at(directory).keys(new FixedKeys(1)).open();
    }

    private Path file(String name) throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(name.getBytes(StandardCharsets.UTF_8));
        return directory.resolve("memguard_secure/mg_" + HexFormat.of().formatHex(hash) + ".dat");
    }

    private static String read(MemGuard guard, String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    /** Stores texts as values. */
    private static Status storeAll(MemGuard guard, Map<String, String> texts) {
        try (var arena = Arena.ofConfined()) {
            var values = new LinkedHashMap<String, MemorySegment>();
            texts.forEach((name, text) -> {
                byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
                values.put(name, arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_BYTE, bytes));
            });
            return guard.storeAllSegments(values);
        }
    }

    private static Map<String, String> texts(int count, String text) {
        var texts = new LinkedHashMap<String, String>();
        for (int i = 0; i < count; i++) {
            texts.put("name " + i, text + i);
        }
        return texts;
    }

    private long temporaries() throws IOException {
        try (var files = Files.list(directory.resolve("memguard_secure"))) {
            return files.filter(file -> file.getFileName().toString().startsWith(".tmp_"))
                    .count();
        }
    }

    @Test
    void allValuesAreThereAtOnceForOthersToo() throws IOException {
        try (var writer = open();
                var reader = open()) {
            store(reader, "name 7", "before");
            assertEquals("before", read(reader, "name 7"));
            assertEquals(Status.DONE, storeAll(writer, texts(1100, "new ")));
            for (int i = 0; i < 1100; i++) {
                assertEquals("new " + i, read(reader, "name " + i));
                assertEquals("new " + i, read(writer, "name " + i));
            }
            assertEquals(1100, reader.list().size());
            assertEquals(0, temporaries());
        }
        try (var later = open()) {
            assertEquals("new 1099", read(later, "name 1099"));
            assertEquals(1100, later.stats().itemsCount());
        }
    }

    private static void store(MemGuard guard, String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    @Test
    void valuesAreReplacedAndHandlesSeeIt() {
        try (var guard = open();
                var other = open()) {
            storeAll(guard, texts(50, "old "));
            Secret handle = other.secret("name 3").orElseThrow();
            storeAll(guard, texts(50, "new "));
            assertEquals("new 3", handle.<String, RuntimeException>read(Secrets::text));
            assertEquals(50, guard.list().size());
        }
    }

    @Test
    void buffersOfAllSizesGoTooAndStayTheCallers() {
        long seed = Secrets.seed();
        int[] sizes = {0, 1, 32, 1024, 100_000, 3_000_000}; // The longest one twice: less than 8 MiB.
        var values = new LinkedHashMap<String, SecretBuffer>();
        try (var guard = open()) {
            for (int size : sizes) {
                values.put("of " + size, Secrets.random(size, seed + size));
            }
            assertEquals(Status.DONE, guard.storeAll(values));
            guard.cleanupMemory();
            for (int size : sizes) {
                assertTrue(guard.<Boolean, RuntimeException>read(
                        "of " + size, segment -> Secrets.matches(segment, seed + size)));
                assertEquals(size, values.get("of " + size).size());
            }
        } finally {
            values.values().forEach(SecretBuffer::close);
        }
    }

    @Test
    void anEmptyMapIsDoneAndChangesNothing() {
        try (var guard = open()) {
            assertEquals(Status.DONE, guard.storeAll(Map.of()));
            assertEquals(List.of(), guard.list());
        }
    }

    @Test
    void oneBadNameOrValueAndNothingIsStored() {
        try (var guard = open();
                var good = Secrets.text("x")) {
            var values = new LinkedHashMap<String, SecretBuffer>();
            values.put("good", good);
            values.put("", good);
            assertCode(ErrorCode.INVALID_ARGUMENTS, () -> guard.storeAll(values));
            values.remove("");
            values.put("none", null);
            assertCode(ErrorCode.INVALID_ARGUMENTS, () -> guard.storeAll(values));
            assertCode(ErrorCode.INVALID_ARGUMENTS, () -> guard.storeAll(null));
            assertCode(
                    ErrorCode.INVALID_ARGUMENTS,
                    () -> guard.storeAllSegments(Map.of("heap", MemorySegment.ofArray(new byte[1]))));
            assertFalse(guard.contains("good"));
        }
    }

    private static MemGuardException assertCode(ErrorCode code, Runnable call) {
        var failure = assertThrows(MemGuardException.class, call::run);
        assertEquals(code, failure.code());
        return failure;
    }

    @Test
    void aFailureInTheMiddleSaysHowManyAreDurableAndTheRestIsUnchanged() throws Exception {
        try (var guard = open()) {
            storeAll(guard, texts(1060, "old "));
            Path blocked = file("name 1030");
            Files.delete(blocked);
            Files.createDirectories(blocked.resolve("in the way"));

            var failure = assertCode(ErrorCode.STORE_FAILED, () -> storeAll(guard, texts(1060, "new ")));

            assertTrue(failure.getMessage().startsWith("1030 of 1060 "), failure.getMessage());
            assertFalse(failure.getMessage().contains("name 1030"));
            assertEquals(0, temporaries());
            for (int i = 0; i < 1060; i++) {
                if (i != 1030) {
                    assertEquals((i < 1030 ? "new " : "old ") + i, read(guard, "name " + i));
                }
            }
            Files.delete(blocked.resolve("in the way"));
            Files.delete(blocked);
            assertEquals(Status.DONE, storeAll(guard, texts(1060, "again ")));
            assertEquals("again 1030", read(guard, "name 1030"));
        }
    }

    @Test
    void aBufferThatIsClosedMeanwhileFailsAndNothingOfItsGroupIsStored() {
        try (var guard = open();
                var good = Secrets.text("x")) {
            var values = new LinkedHashMap<String, SecretBuffer>();
            var closed = Secrets.text("y");
            closed.close();
            values.put("good", good);
            values.put("closed", closed);
            assertThrows(IllegalStateException.class, () -> guard.storeAll(values));
            assertFalse(guard.contains("good"));
        }
    }

    @Test
    void twoAtOnceWithTheSameNamesInAnyOrderNeitherWaitForeverNorMix() throws Exception {
        long seed = Secrets.seed();
        try (var one = open();
                var two = open();
                var threads = Executors.newCachedThreadPool()) {
            var writers = new ArrayList<java.util.concurrent.Future<?>>();
            for (int w = 0; w < 4; w++) {
                var random = new SplittableRandom(seed + w);
                MemGuard guard = w % 2 == 0 ? one : two;
                String text = "writer " + w + " ";
                writers.add(threads.submit(() -> {
                    for (int round = 0; round < 3; round++) {
                        var texts = new LinkedHashMap<String, String>();
                        for (int i = 0; i < 300; i++) {
                            int number = random.nextInt(400);
                            texts.put("name " + number, text + number);
                        }
                        storeAll(guard, texts);
                    }
                }));
            }
            for (var writer : writers) {
                writer.get();
            }
            for (int i = 0; i < 400; i++) {
                String name = "name " + i;
                if (one.contains(name)) {
                    assertTrue(read(one, name).matches("writer [0-3] " + i));
                    assertEquals(read(one, name), read(two, name));
                }
            }
            assertEquals(one.list().size(), one.stats().itemsCount());
        }
    }

    @Test
    void aMemoryOnlySecretOfTheSameNameIsReplaced() {
        try (var guard = open();
                var value = Secrets.text("memory")) {
            guard.storeEphemeral("name 1", value, java.time.Duration.ofMinutes(1));
            storeAll(guard, texts(3, "disk "));
            guard.cleanupMemory();
            assertEquals("disk 1", read(guard, "name 1"));
        }
    }

    @Test
    void afterCloseItThrows() {
        var guard = open();
        guard.close();
        assertThrows(IllegalStateException.class, () -> guard.storeAll(Map.of()));
    }
}
