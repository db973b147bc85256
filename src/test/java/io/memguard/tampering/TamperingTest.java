package io.memguard.tampering;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Somebody with access to the files, but not to the key, changes them: never a wrong value, never a hang, the right code. */
class TamperingTest {
    private static final String VALUE = "a value of some length";
    private static final Set<ErrorCode> METADATA =
            EnumSet.of(ErrorCode.SECURITY_ERROR, ErrorCode.KEY_INVALID, ErrorCode.RETRIEVE_FAILED);

    @TempDir
    Path work = Path.of("");

    private int changes;

    @BeforeEach
    void makeStore() {
        try (var guard = open()) {
            put(guard, "a", VALUE);
            put(guard, "other", "untouched");
        }
    }

    private MemGuard open() {
        return MemGuard.at(work.resolve("store")).keys(new FixedKeys(1)).open();
    }

    private static void put(MemGuard guard, String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    private static String get(MemGuard guard, String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private Path folder() {
        return work.resolve("store").resolve("memguard_secure");
    }

    private Path file(String name, String suffix) throws IOException {
        byte[] hash = sha256(name);
        return folder().resolve("mg_" + java.util.HexFormat.of().formatHex(hash) + suffix);
    }

    private static byte[] sha256(String name) {
        try {
            return java.security.MessageDigest.getInstance("SHA-256")
                    .digest(name.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** Reads everything from the disk again; the changed secret gives its value or RETRIEVE_FAILED. */
    private void check(MemGuard guard, String... mayBe) {
        changes++;
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            guard.cleanupMemory();
            try {
                assertTrue(List.of(mayBe).contains(get(guard, "a")), "a wrong value");
            } catch (MemGuardException e) {
                assertEquals(ErrorCode.RETRIEVE_FAILED, e.code(), e.getMessage());
                assertFalse(e.getMessage().contains("\n"));
            }
            assertEquals("untouched", get(guard, "other"));
            assertTrue(guard.list().contains("other"));
            assertTrue(guard.list().size() <= 2);
            assertTrue(guard.contains("other"));
            assertTrue(guard.stats().itemsCount() >= 1);
        });
    }

    /** Opens the store; that it opens at all is fine where everything in it is right. */
    private void checkOpening() {
        changes++;
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            try (var guard = open()) {
                assertEquals(VALUE, get(guard, "a"));
                assertEquals(List.of("a", "other"), guard.list());
            } catch (MemGuardException e) {
                assertTrue(METADATA.contains(e.code()), e.code() + " " + e.getMessage());
                assertFalse(e.getMessage().contains("\n"));
            }
        });
    }

    @Test
    void everyFlippedBitOfAValueOrANameIsNoticed() throws IOException {
        try (var guard = open()) {
            for (String suffix : List.of(".dat", ".name")) {
                Path file = file("a", suffix);
                byte[] content = Files.readAllBytes(file);
                for (int bit = 0; bit < content.length * 8; bit++) {
                    byte[] changed = content.clone();
                    changed[bit / 8] ^= (byte) (1 << bit % 8);
                    Files.write(file, changed);
                    check(guard, VALUE);
                }
                Files.write(file, content);
            }
            assertEquals(VALUE, get(guard, "a"));
        }
        System.out.println(changes + " flipped bits of values and names");
    }

    @Test
    void everyCutOrLengthenedValueOrNameIsNoticed() throws IOException {
        try (var guard = open()) {
            for (String suffix : List.of(".dat", ".name")) {
                Path file = file("a", suffix);
                byte[] content = Files.readAllBytes(file);
                for (int length = 0; length < content.length + 5; length++) {
                    Files.write(file, Arrays.copyOf(content, length));
                    check(guard, VALUE);
                }
                Files.write(file, content);
            }
        }
        System.out.println(changes + " cuts of values and names");
    }

    @Test
    void everyFlippedBitAndEveryCutOfTheMetadataIsNoticed() throws IOException {
        Path file = folder().resolve("store.meta");
        byte[] content = Files.readAllBytes(file);
        for (int bit = 0; bit < content.length * 8; bit++) {
            byte[] changed = content.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(file, changed);
            checkOpening();
        }
        for (int length = 0; length < content.length; length++) {
            Files.write(file, Arrays.copyOf(content, length));
            checkOpening();
        }
        Files.write(file, content);
        try (var guard = open()) {
            assertEquals(VALUE, get(guard, "a"));
        }
        System.out.println(changes + " changes of the metadata");
    }

    /** Something else in a file's place. */
    private interface Trick {
        void play(Path file) throws IOException, InterruptedException;
    }

    private static void command(Object... words) throws IOException, InterruptedException {
        var process = new ProcessBuilder(Stream.of(words).map(String::valueOf).toList()).start();
        assertEquals(0, process.waitFor(), () -> Arrays.toString(words));
    }

    private List<Trick> tricks() throws IOException {
        Path kept = Files.createDirectories(work.resolve("kept"));
        Path copy = kept.resolve("copy");
        var tricks = new ArrayList<Trick>(List.of(
                Files::createDirectory,
                file -> command("mkfifo", "-m", "600", file),
                file -> Files.createSymbolicLink(file, copy),
                file -> Files.createSymbolicLink(file, file),
                file -> Files.createSymbolicLink(file, Path.of("/dev/zero")),
                file -> {
                    try (var huge = new RandomAccessFile(file.toFile(), "rw")) {
                        huge.setLength(1L << 41);
                    }
                },
                file -> {
                    try (var large = new RandomAccessFile(file.toFile(), "rw")) {
                        large.setLength(1_300_000_000); // as a value may be, but more than this heap has room for
                    }
                },
                file -> {
                    try (var socket =
                            java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
                        Path near = work.resolve("s");
                        socket.bind(java.net.UnixDomainSocketAddress.of(near));
                        Files.move(near, file);
                    }
                }));
        if (io.memguard.os.Posix.effectiveUser() == 0) {
            tricks.add(file -> command("mknod", "-m", "600", file, "c", 1, 5));
        }
        return tricks;
    }

    private static void remove(Path file) throws IOException {
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            Files.delete(file);
        }
    }

    @Test
    void linksPipesDevicesAndHugeFilesInPlaceOfAnyFileNeitherHangNorLeadElsewhere() throws Exception {
        var files = new ArrayList<Path>();
        try (Stream<Path> all = Files.list(folder())) {
            all.forEach(files::add);
        }
        Path copy = Files.createDirectories(work.resolve("kept")).resolve("copy");
        for (Path file : files) {
            for (Trick trick : tricks()) {
                Files.move(file, copy);
                trick.play(file);
                if (file.getFileName().toString().startsWith("mg_")) {
                    boolean ofA = file.equals(file("a", ".dat")) || file.equals(file("a", ".name"));
                    try (var guard = open()) {
                        if (ofA) {
                            check(guard, VALUE);
                        } else {
                            assertEquals(VALUE, get(guard, "a"));
                        }
                    }
                } else {
                    checkOpening();
                }
                remove(file);
                Files.move(copy, file);
            }
        }
        try (var guard = open()) {
            assertEquals(List.of("a", "other"), guard.list());
            assertEquals(VALUE, get(guard, "a"));
        }
        System.out.println(changes + " strange files");
    }

    @Test
    void swappedAndForeignFilesAreNoticedAndOlderOnesAreWholeOldValues() throws IOException {
        Path foreign = work.resolve("foreign");
        try (var other = MemGuard.at(foreign).keys(new FixedKeys(1)).open()) {
            put(other, "a", "a foreign value"); // the same key, even
        }
        Path foreignFolder = foreign.resolve("memguard_secure");
        try (var guard = open()) {
            for (String suffix : List.of(".dat", ".name")) {
                Path file = file("a", suffix);
                byte[] content = Files.readAllBytes(file);
                for (Path from : List.of(
                        file("other", ".dat"),
                        file("other", ".name"),
                        file("a", ".dat"),
                        file("a", ".name"),
                        folder().resolve("store.meta"),
                        foreignFolder.resolve(String.valueOf(file.getFileName())))) {
                    if (!from.equals(file)) {
                        Files.write(file, Files.readAllBytes(from));
                        check(guard, VALUE);
                    }
                }
                Files.write(file, content);
            }
            byte[] old = Files.readAllBytes(file("a", ".dat"));
            put(guard, "a", "the next value");
            Files.write(file("a", ".dat"), old);
            check(guard, VALUE); // docs/FORMAT.md: a roll-back of one file is not noticed
        }
        Files.write(folder().resolve("store.meta"), Files.readAllBytes(foreignFolder.resolve("store.meta")));
        try (var guard = open()) {
            assertThrows(MemGuardException.class, () -> get(guard, "a"));
            assertThrows(MemGuardException.class, () -> get(guard, "other"));
        } catch (MemGuardException e) {
            assertTrue(METADATA.contains(e.code()));
        }
    }

    @Test
    void countersCutWhileTheStoreIsOpenAreAnErrorNotTheEndOfTheJvm() throws IOException {
        for (String counters : List.of("store.generations", "store.totals")) {
            try (var guard = open()) {
                assertEquals(VALUE, get(guard, "a"));
                try (var file = new RandomAccessFile(folder().resolve(counters).toFile(), "rw")) {
                    file.setLength(0);
                }
                for (org.junit.jupiter.api.function.Executable call :
                        List.<org.junit.jupiter.api.function.Executable>of(
                                () -> get(guard, "a"), () -> put(guard, "a", VALUE), guard::list, guard::stats)) {
                    var failure = thrown(call);
                    assertTrue(
                            failure == null
                                    || (failure instanceof MemGuardException e && e.code() == ErrorCode.SECURITY_ERROR),
                            () -> String.valueOf(failure));
                }
            }
            try (var guard = open()) {
                assertEquals(VALUE, get(guard, "a"));
                put(guard, "a", VALUE);
            }
        }
    }

    private static @Nullable Throwable thrown(org.junit.jupiter.api.function.Executable call) {
        try {
            call.execute();
            return null;
        } catch (Throwable e) {
            return e;
        }
    }
}
