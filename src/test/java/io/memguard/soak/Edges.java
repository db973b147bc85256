package io.memguard.soak;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.memory.NativeLibraries;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Values and names as long as they may be, and one more: to be run in processes that follow one another, with and without the
 * native libraries ({@code -Dmemguard.native.directory=}).
 *
 * <p>Arguments: a directory, a file with its passphrase, the lengths of the values with commas between, and what to do, in
 * this order: {@code store=SEED}, {@code read=SEED}, {@code rotate}, {@code refused}, {@code text}. Without the native
 * libraries plaintext passes over the heap, which has to be some four times a value then.
 */
public final class Edges {
    private final MemGuard guard;
    private final long[] lengths;

    private Edges(MemGuard guard, long[] lengths) {
        this.guard = guard;
        this.lengths = lengths;
    }

    /** Does it. */
    public static void main(String[] arguments) {
        long[] lengths =
                Stream.of(arguments[2].split(",")).mapToLong(Long::parseLong).toArray();
        for (String step : List.of(arguments).subList(3, arguments.length)) {
            try (var guard = open(Path.of(arguments[0]), Path.of(arguments[1]))) {
                new Edges(guard, lengths).run(step.split("="));
                System.out.println(
                        step + " on the " + (NativeLibraries.isLoaded() ? "native" : "emergency") + " route");
            }
        }
    }

    private static MemGuard open(Path directory, Path passphrase) {
        return MemGuard.at(directory)
                .keys(SoftwareKeys.passphrase(SecretSources.file(passphrase)).cost(1, 8 << 20))
                .allowDegraded()
                .open();
    }

    private void run(String[] step) {
        switch (step[0]) {
            case "store" -> store(Long.parseLong(step[1]));
            case "read" -> read(Long.parseLong(step[1]));
            case "rotate" -> guard.rotate((done, total) -> {});
            case "refused" -> refused();
            case "text" -> text();
            default -> throw new IllegalArgumentException(step[0]);
        }
    }

    /** Of one to four bytes a character, as long as they may be, a byte shorter, and the shortest. */
    private static List<String> names() {
        var names = new ArrayList<String>();
        for (String character : List.of("a", "é", "€", "😀")) {
            int bytes = character.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
            for (int length : new int[] {1, 1023, 1024}) {
                names.add("x".repeat(length % bytes) + character.repeat(length / bytes));
            }
        }
        return List.copyOf(new TreeSet<>(names));
    }

    private static String name(long length) {
        return "value of " + length;
    }

    private void store(long seed) {
        for (long length : lengths) {
            try (var value = SecretBuffer.allocate(length)) {
                value.<Boolean, RuntimeException>write(segment -> fill(segment, seed));
                guard.store(name(length), value);
            }
            guard.cleanupMemory();
        }
        var named = new LinkedHashMap<String, SecretBuffer>();
        try (var value = SecretBuffer.allocate(8)) {
            value.<Boolean, RuntimeException>write(segment -> fill(segment, seed));
            names().forEach(name -> named.put(name, value));
            guard.storeAll(named);
        }
    }

    private void read(long seed) {
        var expected = new TreeSet<String>(names());
        for (long length : lengths) {
            expected.add(name(length));
            check(name(length), length, seed);
            guard.cleanupMemory();
        }
        names().forEach(name -> check(name, 8, seed));
        assertEquals(List.copyOf(expected), guard.list());
        assertEquals(expected.size(), guard.stats().itemsCount());
    }

    private void check(String name, long length, long seed) {
        boolean right = NativeLibraries.isLoaded()
                ? guard.<Boolean, RuntimeException>read(
                        name, segment -> segment.byteSize() == length && matches(segment, seed))
                : right(guard.retrieveDirect(name).orElseThrow(), length, seed);
        assertTrue(right, "a value of " + length + " bytes came back otherwise");
    }

    private static boolean right(byte[] value, long length, long seed) {
        return value.length == length && matches(MemorySegment.ofArray(value), seed);
    }

    /** What is one too long is an error that says so, and changes nothing. */
    private void refused() {
        var before = guard.list();
        for (String name :
                List.of("", "a".repeat(1025), "é".repeat(512) + "a", "€".repeat(341) + "aa", "😀".repeat(257))) {
            try (var value = SecretBuffer.allocate(1)) {
                assertRefused("1024", () -> guard.store(name, value));
            }
            assertRefused("1024", () -> guard.contains(name));
        }
        assertRefused("1073741824", () -> SecretBuffer.allocate(SecretBuffer.MAX_SIZE + 1));
        var longer = MemorySegment.ofAddress(4096).reinterpret(SecretBuffer.MAX_SIZE + 1);
        assertRefused("1 GiB", () -> guard.store("longer", longer));
        assertEquals(before, guard.list());
    }

    /** As many characters as there may be; three bytes each would be too many. */
    private static void text() {
        char[] text = new char[(int) SecretBuffer.MAX_SIZE];
        java.util.Arrays.fill(text, 'a');
        try (var value = SecretBuffer.consume(text)) {
            assertEquals(SecretBuffer.MAX_SIZE, value.size());
        }
    }

    private static void assertRefused(String said, Runnable call) {
        var refused = assertThrows(MemGuardException.class, call::run);
        assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code());
        assertTrue(String.valueOf(refused.getMessage()).contains(said), refused.getMessage());
    }

    /** The first and the last bytes, and some of each page: quick enough for a gibibyte. */
    private static boolean fill(MemorySegment segment, long seed) {
        for (long at = 0; at < segment.byteSize(); at += step(at, segment.byteSize())) {
            segment.set(ValueLayout.JAVA_BYTE, at, expected(at, seed));
        }
        return true;
    }

    private static boolean matches(MemorySegment segment, long seed) {
        for (long at = 0; at < segment.byteSize(); at += step(at, segment.byteSize())) {
            if (segment.get(ValueLayout.JAVA_BYTE, at) != expected(at, seed)) {
                return false;
            }
        }
        return true;
    }

    private static long step(long at, long size) {
        return at < 4096 || size - at <= 4096 + 509 ? 1 : 509;
    }

    private static byte expected(long at, long seed) {
        return (byte) (at * 31 + (at >>> 8) * 17 + (at >>> 16) * 13 + (at >>> 24) + seed);
    }
}
