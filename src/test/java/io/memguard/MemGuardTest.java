package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemGuardTest {
    @TempDir
    Path temporary = Path.of("");

    private Path directory = Path.of("");

    @BeforeEach
    void directory() {
        directory = temporary.resolve("app");
    }

    private MemGuard open() {
        return MemGuard.at(directory).keys(new FixedKeys(1)).open();
    }

    private static String read(MemGuard guard, String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private static void store(MemGuard guard, String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    private Path folder() {
        return directory.resolve("memguard_secure");
    }

    private Map<String, String> snapshot() throws IOException {
        var files = new TreeMap<String, String>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
                files.put(
                        directory.relativize(file).toString(),
                        java.util.HexFormat.of().formatHex(Files.readAllBytes(file)));
            }
        }
        return files;
    }

    @Test
    void aValueSurvivesARestart() {
        try (var guard = open()) {
            store(guard, "db/password", "hunter2");
            assertEquals("hunter2", read(guard, "db/password"));
        }
        try (var guard = open()) {
            assertEquals("hunter2", read(guard, "db/password"));
            assertEquals(List.of("db/password"), guard.list());
        }
    }

    @Test
    void everyLengthComesBack() {
        long seed = Secrets.seed();
        try (var guard = open()) {
            for (long size : new long[] {0, 1, 31, 32, 4095, 4096, 4097, 65_536, 1_000_003, 5_000_000}) {
                try (var value = Secrets.random(size, seed + size)) {
                    guard.store("size " + size, value);
                }
                assertTrue(guard.<Boolean, RuntimeException>read(
                        "size " + size, segment -> Secrets.matches(segment, seed + size)));
                assertEquals(size, guard.secret("size " + size).orElseThrow().size());
            }
            guard.cleanupMemory();
            assertTrue(guard.<Boolean, RuntimeException>read(
                    "size 5000000", segment -> Secrets.matches(segment, seed + 5_000_000)));
        }
    }

    @Test
    void aHandleFollowsOverwritesAndDeletion() {
        try (var guard = open()) {
            store(guard, "token", "one");
            Secret token = guard.secret("token").orElseThrow();
            assertEquals("one", token.read(Secrets::text));
            store(guard, "token", "two");
            assertEquals("two", token.read(Secrets::text));
            assertTrue(guard.delete("token"));
            var gone = assertThrows(MemGuardException.class, () -> token.read(Secrets::text));
            assertEquals(ErrorCode.RETRIEVE_FAILED, gone.code());
            store(guard, "token", "three");
            assertEquals("three", token.read(Secrets::text));
        }
    }

    @Test
    void aHandleThatOutlivedItsSecretFollowsTheOneOfItsNameAndKeepsNothingOfItsOwn() {
        try (var guard = open()) {
            store(guard, "token", "one");
            Secret old = guard.secret("token").orElseThrow();
            assertTrue(guard.delete("token"));
            store(guard, "token", "two");
            assertNotSame(old, guard.secret("token").orElseThrow());
            assertEquals("two", old.read(Secrets::text));
            assertEquals(1, guard.memoryUsage().items());
            guard.cleanupMemory();
            assertEquals(0, guard.memoryUsage().items());
            assertEquals("two", old.read(Secrets::text));
            guard.delete("token");
            assertEquals(0, guard.memoryUsage().items());
        }
    }

    @Test
    void whatIsNotThereIsNotThere() {
        try (var guard = open()) {
            assertFalse(guard.contains("nothing"));
            assertTrue(guard.secret("nothing").isEmpty());
            assertFalse(guard.delete("nothing"));
            var error = assertThrows(MemGuardException.class, () -> read(guard, "nothing"));
            assertEquals(ErrorCode.RETRIEVE_FAILED, error.code());
        }
    }

    @Test
    void twoOnOneDirectorySeeEachOthersWritesAtTheNextRead() {
        try (var first = open();
                var second = open()) {
            for (int i = 0; i < 50; i++) {
                store(first, "shared", "first " + i);
                assertEquals("first " + i, read(second, "shared"));
                store(second, "shared", "second " + i);
                assertEquals("second " + i, read(first, "shared"));
            }
            second.delete("shared");
            assertThrows(MemGuardException.class, () -> read(first, "shared"));
        }
    }

    @Test
    void containsAnswersWhileAnotherOneStoresAndDeletes() throws Exception {
        try (var reader = open();
                var writer = open()) {
            var stopped = new AtomicBoolean();
            var writing = Thread.ofPlatform().start(() -> {
                while (!stopped.get()) {
                    store(writer, "a", "value");
                    writer.delete("a");
                }
            });
            try {
                int there = 0;
                for (int i = 0; i < 50_000; i++) {
                    there += reader.contains("a") ? 1 : 0;
                }
                assertTrue(there > 0 && there < 50_000, there + " times there");
            } finally {
                stopped.set(true);
                writing.join();
            }
        }
    }

    @Test
    void aBorrowKeepsItsValueWhateverHappensMeanwhile() {
        var guard = open();
        store(guard, "a", "old");
        assertEquals("old", guard.<String, RuntimeException>read("a", segment -> {
            store(guard, "a", "new");
            assertEquals("new", read(guard, "a"));
            guard.delete("a");
            guard.cleanupAll();
            guard.close();
            return Secrets.text(segment);
        }));
        assertThrows(IllegalStateException.class, () -> read(guard, "a"));
    }

    @Test
    void aLeakedSegmentThrows() {
        try (var guard = open()) {
            store(guard, "a", "value");
            var leaked = new AtomicReference<MemorySegment>();
            guard.<@Nullable Void, RuntimeException>read("a", segment -> {
                leaked.set(segment);
                return null;
            });
            assertThrows(IllegalStateException.class, () -> leaked.get().get(ValueLayout.JAVA_BYTE, 0));
            assertThrows(
                    IllegalStateException.class,
                    () -> leaked.get().asByteBuffer().get(0));
        }
    }

    @Test
    void nestedBorrowsAndExceptionsLeaveNoWindowInUse() {
        try (var guard = open()) {
            store(guard, "a", "A");
            store(guard, "b", "B");
            assertEquals(
                    "AB",
                    guard.<String, RuntimeException>read(
                            "a",
                            a -> guard.<String, RuntimeException>read("b", b -> Secrets.text(a) + Secrets.text(b))));
            assertThrows(
                    IOException.class,
                    () -> guard.read("a", segment -> {
                        throw new IOException("inside");
                    }));
            assertEquals(0, guard.memoryUsage().windowsInUse());
        }
    }

    @Test
    void manyThreadsReadAndOverwriteAndEveryValueIsWhole() throws Exception {
        long seed = Secrets.seed();
        try (var guard = open();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 4; i++) {
                try (var value = Secrets.random(200 + i, seed + 200 + i)) {
                    guard.store("s" + i % 2, value);
                }
            }
            var tasks = new java.util.ArrayList<java.util.concurrent.Future<?>>();
            for (int t = 0; t < 16; t++) {
                int number = t;
                tasks.add(threads.submit(() -> {
                    for (int i = 0; i < 100; i++) {
                        int size = 200 + (number * 31 + i) % 50;
                        if (i % 20 == 0) {
                            try (var value = Secrets.random(size, seed + size)) {
                                guard.store("s" + number % 2, value);
                            }
                        }
                        assertTrue(guard.<Boolean, RuntimeException>read(
                                "s" + (number + i) % 2, s -> Secrets.matches(s, seed + s.byteSize())));
                    }
                    return null;
                }));
            }
            for (var task : tasks) {
                task.get();
            }
            assertEquals(0, guard.memoryUsage().windowsInUse());
        }
    }

    @Test
    void namesOfAllKinds() {
        var names =
                List.of("a", "../../etc/passwd", "nul\0inside", "ä€𝄞", "a/b c\n", "x".repeat(1024), "é".repeat(512));
        try (var guard = open()) {
            for (String name : names) {
                store(guard, name, "value of " + name.length());
            }
        }
        try (var guard = open()) {
            assertEquals(names.stream().sorted().toList(), guard.list());
            for (String name : names) {
                assertEquals("value of " + name.length(), read(guard, name));
            }
        }
    }

    @Test
    void badArgumentsAreNamed() {
        try (var guard = open();
                var value = Secrets.text("x")) {
            for (String name :
                    new @Nullable String[] {null, "", "x".repeat(1025), "é".repeat(513), "\ud800", "x".repeat(1 << 20)
                    }) {
                for (org.junit.jupiter.api.function.Executable call :
                        List.<org.junit.jupiter.api.function.Executable>of(
                                () -> guard.store(name, value),
                                () -> guard.read(name, Secrets::text),
                                () -> guard.secret(name),
                                () -> guard.contains(name),
                                () -> guard.delete(name))) {
                    var error = assertThrows(MemGuardException.class, call);
                    assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
                }
            }
            var noValue = assertThrows(MemGuardException.class, () -> guard.store("a", (SecretBuffer) null));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, noValue.code());
            var onHeap =
                    assertThrows(MemGuardException.class, () -> guard.store("a", MemorySegment.ofArray(new byte[3])));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, onHeap.code());
            assertEquals(List.of(), guard.list());
        }
    }

    @Test
    void everyCallAfterCloseThrows() {
        var guard = open();
        store(guard, "a", "value");
        Secret secret = guard.secret("a").orElseThrow();
        guard.close();
        guard.close();
        for (org.junit.jupiter.api.function.Executable call : List.<org.junit.jupiter.api.function.Executable>of(
                () -> store(guard, "a", "x"),
                () -> read(guard, "a"),
                () -> secret.read(Secrets::text),
                () -> guard.secret("a"),
                () -> guard.contains("a"),
                () -> guard.delete("a"),
                guard::list,
                guard::stats,
                guard::memoryUsage,
                guard::cleanupMemory,
                guard::cleanupAll)) {
            assertThrows(IllegalStateException.class, call);
        }
    }

    @Test
    void statsHaveTheEightKeys() {
        try (var guard = open()) {
            store(guard, "a", "value");
            var stats = guard.stats();
            assertEquals(
                    List.of(
                            "storage_type",
                            "encryption_type",
                            "key_strength",
                            "rust_initialized",
                            "items_count",
                            "total_size_bytes",
                            "directory_path",
                            "timestamp"),
                    List.copyOf(stats.toMap().keySet()));
            assertEquals(1, stats.itemsCount());
            assertEquals((5 + 28 + 2) / 3 * 4, stats.totalSizeBytes());
            assertTrue(
                    stats.toJson()
                            .startsWith(
                                    "{\"storage_type\": \"software_keystore\", \"encryption_type\": \"aes_256_gcm\", \"key_strength\": \"256_bit\", "));
        }
    }

    @Test
    void cleanupAllLeavesNeitherValueNorNameNorKey() throws IOException {
        var guard = open();
        store(guard, "a", "one");
        store(guard, "b", "two");
        try (var other = open()) {
            assertEquals("one", read(other, "a"));
            assertEquals(2, guard.cleanupAll());
            assertThrows(MemGuardException.class, () -> read(other, "a"));
            var late = assertThrows(MemGuardException.class, () -> store(other, "c", "under the removed key"));
            assertEquals(ErrorCode.KEY_INVALID, late.code());
        }
        assertEquals(List.of(), guard.list());
        guard.close();
        assertEquals(
                List.of(
                        "memguard_secure/store.generations",
                        "memguard_secure/store.lock",
                        "memguard_secure/store.totals"),
                List.copyOf(snapshot().keySet()));
        try (var next = MemGuard.at(directory).keys(new FixedKeys(2)).open()) {
            store(next, "a", "of the next store");
            assertEquals("of the next store", read(next, "a"));
        }
    }

    @Test
    void theWrongKeyIsKeyInvalidAndChangesNothing() throws IOException {
        try (var guard = open()) {
            store(guard, "a", "value");
        }
        var before = snapshot();
        var error = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory).keys(new FixedKeys(2)).open());
        assertEquals(ErrorCode.KEY_INVALID, error.code());
        assertEquals(before, snapshot());
    }

    @Test
    void missingMetadataBesideDataIsKeyInvalidAndChangesNothing() throws IOException {
        try (var guard = open()) {
            store(guard, "a", "value");
        }
        Files.move(folder().resolve("store.meta"), temporary.resolve("kept.meta"));
        var before = snapshot();
        for (OpenMode mode : OpenMode.values()) {
            var error = assertThrows(
                    MemGuardException.class,
                    () -> MemGuard.at(directory)
                            .keys(new FixedKeys(1))
                            .mode(mode)
                            .open());
            assertEquals(ErrorCode.KEY_INVALID, error.code());
        }
        assertEquals(before, snapshot());
        Files.move(temporary.resolve("kept.meta"), folder().resolve("store.meta"));
        try (var guard = open()) {
            assertEquals("value", read(guard, "a"));
        }
    }

    @Test
    void changedMetadataIsNoticed() throws IOException {
        open().close();
        Path file = folder().resolve("store.meta");
        String text = Files.readString(file);
        for (String changed : List.of(
                text.replace("mode: envelope", "mode: direct"),
                text.replace("provider: fixed", "provider: fixed\nkey.more: x"),
                text.substring(0, text.length() / 2),
                text + "more\n",
                "",
                "memguard-store: 2\n")) {
            Files.writeString(file, changed);
            var error = assertThrows(MemGuardException.class, this::open);
            assertEquals(ErrorCode.SECURITY_ERROR, error.code(), changed);
        }
        Files.writeString(file, text);
        open().close();
    }

    @Test
    void damagedAndSwappedFilesAreRetrieveFailedAndTheOthersStillWork() throws IOException {
        try (var guard = open()) {
            store(guard, "a", "one");
            store(guard, "b", "two");
            store(guard, "c", "three");
        }
        List<Path> values = files(".dat");
        byte[] kept = Files.readAllBytes(values.get(0));
        Files.copy(values.get(1), values.get(0), StandardCopyOption.REPLACE_EXISTING);
        try (var guard = open()) {
            int failed = 0;
            for (String name : List.of("a", "b", "c")) {
                try {
                    read(guard, name);
                } catch (MemGuardException e) {
                    assertEquals(ErrorCode.RETRIEVE_FAILED, e.code());
                    assertFalse(e.getMessage().contains("\n"));
                    failed++;
                }
            }
            assertEquals(1, failed);
            assertEquals(3, guard.list().size());
            Files.write(values.get(0), kept);
            guard.cleanupMemory();
            for (String name : List.of("a", "b", "c")) {
                read(guard, name);
            }
        }
    }

    @Test
    void aDamagedNameHidesItselfOnly() throws IOException {
        try (var guard = open()) {
            store(guard, "a", "one");
            store(guard, "b", "two");
            Files.writeString(files(".name").get(0), "not Base64!");
            assertEquals(1, guard.list().size());
            assertEquals("one", read(guard, "a"));
            assertEquals("two", read(guard, "b"));
        }
    }

    private List<Path> files(String suffix) throws IOException {
        try (Stream<Path> all = Files.list(folder())) {
            return all.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
        }
    }

    @Test
    void filesAreTheOwnersOnlyAndHoldNoName() throws IOException {
        try (var guard = open()) {
            store(guard, "visible-name", "visible-value");
        }
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder())));
        try (Stream<Path> all = Files.list(folder())) {
            for (Path file : (Iterable<Path>) all::iterator) {
                assertEquals(
                        "rw-------",
                        PosixFilePermissions.toString(Files.getPosixFilePermissions(file)),
                        file.toString());
                assertFalse(file.toString().contains("visible"));
                assertFalse(new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.ISO_8859_1)
                        .contains("visible"));
            }
        }
    }

    @Test
    void unsafeDirectoriesAreRefused() throws IOException {
        open().close();
        Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwxr-x---"));
        assertEquals(
                ErrorCode.SECURITY_ERROR,
                assertThrows(MemGuardException.class, this::open).code());
        Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwx------"));
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertEquals(
                ErrorCode.SECURITY_ERROR,
                assertThrows(MemGuardException.class, this::open).code());
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        open().close();
        Path moved = temporary.resolve("elsewhere");
        Files.move(folder(), moved);
        Files.createSymbolicLink(folder(), moved);
        assertEquals(
                ErrorCode.SECURITY_ERROR,
                assertThrows(MemGuardException.class, this::open).code());
    }

    @Test
    void aFileInPlaceOfTheDirectoryIsNamed() throws IOException {
        Files.writeString(directory, "a file");
        var error = assertThrows(MemGuardException.class, this::open);
        assertTrue(error.getMessage().contains("app"), error.getMessage());
        assertEquals("a file", Files.readString(directory));
    }

    @Test
    void modesDoWhatTheySay() {
        var nothing = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory)
                        .keys(new FixedKeys(1))
                        .mode(OpenMode.EXISTING)
                        .open());
        assertEquals(ErrorCode.INVALID_ARGUMENTS, nothing.code());
        assertFalse(Files.exists(directory));
        MemGuard.at(directory)
                .keys(new FixedKeys(1))
                .mode(OpenMode.CREATE)
                .open()
                .close();
        var again = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory)
                        .keys(new FixedKeys(1))
                        .mode(OpenMode.CREATE)
                        .open());
        assertEquals(ErrorCode.INVALID_ARGUMENTS, again.code());
        assertEquals("fixed", MemGuard.describe(directory).orElseThrow().provider());
        assertTrue(MemGuard.describe(temporary).isEmpty());
    }

    @Test
    void anInterruptedThreadStillReadsAndStores() {
        try (var guard = open()) {
            store(guard, "a", "value");
            guard.cleanupMemory();
            Thread.currentThread().interrupt();
            try {
                assertEquals("value", read(guard, "a"));
                store(guard, "a", "next");
                assertEquals("next", read(guard, "a"));
            } finally {
                assertTrue(Thread.interrupted());
            }
        }
    }

    @Test
    void whatIsLockedIsFreedAgain() {
        long before;
        try (var guard = open()) {
            store(guard, "a", "value");
            before = guard.memoryUsage().lockedBytes();
            for (int i = 0; i < 10; i++) {
                read(guard, "a");
                try (var large = Secrets.random(1 << 20, i)) {
                    guard.store("large", large);
                }
                guard.read("large", MemorySegment::byteSize);
            }
            // A long window or two stay for their next use.
            assertTrue(guard.memoryUsage().lockedBytes() <= before + (2 << 20));
            assertEquals(2, guard.memoryUsage().items());
            guard.cleanupMemory();
            assertEquals(0, guard.memoryUsage().items());
            assertTrue(guard.memoryUsage().lockedBytes() <= before);
        }
    }

    @Test
    void nativeMemoryIsStoredAsItIs() {
        try (var guard = open();
                var arena = Arena.ofConfined()) {
            guard.store("a", arena.allocateFrom("text"));
            assertEquals("text\0", read(guard, "a"));
        }
    }
}
