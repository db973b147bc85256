package io.memguard.tampering;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.crash.NumberedKeys;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Somebody with access to the files, but not to the key, changes them: never a wrong value, never a hang, the right code.
 * {@code -Dtamper.every=1} flips each bit also where every so-manieth is flipped otherwise.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TamperingTest {
    private static final int EVERY = Integer.getInteger("tamper.every", 0);

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
    }

    /** Opens the store; that it opens at all is fine where everything in it is right. */
    private void checkOpening(Supplier<MemGuard> opening) {
        changes++;
        try (var guard = opening.get()) {
            assertEquals(VALUE, get(guard, "a"));
            assertEquals(List.of("a", "other"), guard.list());
            assertEquals(2, guard.stats().itemsCount());
        } catch (MemGuardException e) {
            assertTrue(METADATA.contains(e.code()), e.code() + " " + e.getMessage());
            assertFalse(e.getMessage().contains("\n"));
        }
    }

    /** Opens the store after each change of a file, which is as before in the end. */
    private void checkEachChange(Path file, int every, Supplier<MemGuard> opening) throws IOException {
        byte[] content = Files.readAllBytes(file);
        int step = EVERY > 0 ? EVERY : every;
        int first = (int) Math.floorMod(step == 1 ? 0 : Secrets.seed(), (long) step);
        for (int bit = first; bit < content.length * 8; bit += step) {
            byte[] changed = content.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(file, changed);
            checkOpening(opening);
        }
        for (int length = first; length < content.length; length += step) {
            Files.write(file, Arrays.copyOf(content, length));
            checkOpening(opening);
        }
        Files.write(file, content);
        try (var guard = opening.get()) {
            assertEquals(VALUE, get(guard, "a"));
        }
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
        checkEachChange(folder().resolve("store.meta"), 1, this::open);
        System.out.println(changes + " changes of the metadata");
    }

    @Test
    void everyFlippedBitAndEveryCutOfTheMetadataOfARotationIsNoticed() throws IOException {
        Path rotating = work.resolve("rotating");
        Supplier<MemGuard> opening =
                () -> MemGuard.at(rotating).keys(new NumberedKeys()).open();
        try (var guard = opening.get()) {
            put(guard, "a", VALUE);
            put(guard, "other", "untouched");
            assertThrows(
                    ArithmeticException.class,
                    () -> guard.rotate((done, total) -> {
                        throw new ArithmeticException(); // As if it were killed here.
                    }));
        }
        Path metadata = rotating.resolve("memguard_secure").resolve("store.meta");
        assertTrue(Files.readString(metadata).contains("next-key-check"));
        checkEachChange(metadata, 1, opening);
        System.out.println(changes + " changes of the metadata of a rotation");
    }

    @Test
    void flippedBitsAndCutsOfTheSoftwareKeystoreAreNoticed() throws IOException {
        Path software = work.resolve("software");
        Supplier<MemGuard> opening = () -> MemGuard.at(software)
                .keys(SoftwareKeys.passphrase(() -> Secrets.text("correct horse"))
                        .cost(1, 8 << 20))
                .open();
        try (var guard = opening.get()) {
            put(guard, "a", VALUE);
            put(guard, "other", "untouched");
        }
        checkEachChange(software.resolve("memguard_secure").resolve("keystore.bcfks"), 41, opening);
        System.out.println(changes + " changes of the software keystore");
    }

    /** They are not authentic, and need not be: at worst a value is read from its file once more, or a count is wrong. */
    @Test
    void flippedBitsOfTheSharedCountersNeverGiveAWrongValue() throws IOException {
        long seed = Secrets.seed();
        try (var guard = open()) {
            for (String counters : List.of("store.generations", "store.totals")) {
                try (var channel = FileChannel.open(folder().resolve(counters), READ, WRITE)) {
                    var mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
                    for (int bit : bitsOf(counters, mapped.capacity(), seed)) {
                        byte before = mapped.get(bit / 8);
                        mapped.put(bit / 8, (byte) (before ^ 1 << bit % 8));
                        assertEquals(VALUE, get(guard, "a"));
                        assertEquals("untouched", get(guard, "other"));
                        if (counters.equals("store.totals") && bit % 4 == 0) {
                            guard.stats();
                        }
                        if (bit % 16 == 0) {
                            put(guard, "a", VALUE);
                        }
                        mapped.put(bit / 8, before);
                        changes++;
                    }
                }
            }
            assertEquals(List.of("a", "other"), guard.list());
        }
        for (String counters : List.of("store.generations", "store.totals", "store.lock")) {
            for (int length : List.of(0, 1, 7, 8, 4095, 4096, 100_000, 3_000_000)) {
                Path file = folder().resolve(counters);
                byte[] content = Files.readAllBytes(file);
                byte[] changed = Arrays.copyOf(content, length);
                new SplittableRandom(seed).nextBytes(changed);
                for (byte[] now : List.of(changed, Arrays.copyOf(content, length))) {
                    Files.write(file, now);
                    try (var guard = open()) {
                        assertEquals(VALUE, get(guard, "a"));
                        put(guard, "a", VALUE);
                        assertTrue(guard.stats().itemsCount() >= 0);
                    }
                    changes++;
                }
            }
        }
        System.out.println(changes + " changes of the counters");
    }

    /** All that belong to the two secrets and to the store, and some of the others. */
    private static List<Integer> bitsOf(String counters, int bytes, long seed) {
        int head = counters.equals("store.totals") ? 4 : 0;
        int fields = counters.equals("store.totals") ? 3 : 1;
        var numbers = new TreeSet<Integer>();
        for (int i = 0; i < head; i++) {
            numbers.add(i);
        }
        for (byte[] hash : List.of(sha256("a"), sha256("other"))) {
            int stripe = (hash[0] & 0xff) << 8 | (hash[1] & 0xff);
            for (int field = 0; field < fields; field++) {
                numbers.add(head + fields * stripe + field);
            }
        }
        numbers.add(bytes / 8 - 1); // Of the generations: the store's own.
        var bits = new ArrayList<Integer>();
        numbers.forEach(number -> {
            for (int bit = 0; bit < 64; bit++) {
                bits.add(number * 64 + bit);
            }
        });
        new SplittableRandom(seed).ints(EVERY > 0 ? 100_000 : 200, 0, bytes * 8).forEach(bits::add);
        return bits;
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

    /** Storing it again mends a value; what is in the way of that is named. */
    private static void checkFixed(MemGuard guard, Path file) {
        if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
            if (file.toString().endsWith(".dat")) {
                var failure = assertThrows(MemGuardException.class, () -> put(guard, "a", "mended"));
                assertEquals(ErrorCode.STORE_FAILED, failure.code());
            }
            return;
        }
        put(guard, "a", "mended");
        assertEquals("mended", get(guard, "a"));
        guard.cleanupMemory();
        assertEquals("mended", get(guard, "a"));
        assertEquals("untouched", get(guard, "other"));
        put(guard, "a", VALUE);
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
                            checkFixed(guard, file);
                        } else {
                            assertEquals(VALUE, get(guard, "a"));
                        }
                    }
                } else {
                    checkOpening(this::open);
                }
                remove(file);
                Files.move(copy, file, StandardCopyOption.REPLACE_EXISTING);
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
            check(guard, VALUE); // docs/FORMAT.md: a rollback of one file is not noticed
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
                    // The JVM throws what it makes of SIGBUS some calls after the access.
                    assertTrue(
                            failure == null
                                    || failure instanceof InternalError
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
