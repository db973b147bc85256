package io.memguard.keys;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.LinuxLibrary;
import io.memguard.keys.software.SoftwareKeys;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretSourcesTest {
    @TempDir
    Path temporary;

    private final List<Integer> open = new ArrayList<>();

    @AfterEach
    void close() {
        open.forEach(LinuxLibrary::close);
    }

    /** The end to read of a pipe that holds a text and has ended. */
    private int pipe(String text) {
        try (var arena = Arena.ofConfined()) {
            var ends = arena.allocate(LinuxLibrary.C_INT, 2);
            assertEquals(0, LinuxLibrary.pipe2(ends, 0));
            var bytes = arena.allocateFrom(text);
            int in = ends.getAtIndex(LinuxLibrary.C_INT, 1);
            assertEquals(bytes.byteSize() - 1, LinuxLibrary.write(in, bytes, bytes.byteSize() - 1));
            LinuxLibrary.close(in);
            open.add(ends.getAtIndex(LinuxLibrary.C_INT, 0));
            return open.getLast();
        }
    }

    private int file(Path file) {
        try (var arena = Arena.ofConfined()) {
            open.add(Downcall.callInt(LinuxLibrary.open.address(), arena.allocateFrom(file.toString()), 0));
            return open.getLast();
        }
    }

    private static String read(SecretSource source) {
        try (var secret = source.read()) {
            return secret.read(Secrets::text);
        }
    }

    private static MemGuardException failure(SecretSource source) {
        return assertThrows(MemGuardException.class, () -> source.read().close());
    }

    private MemGuard service(SecretSource source) {
        return MemGuard.at(temporary.resolve("store"))
                .keys(SoftwareKeys.passphrase(source).cost(1, 8L << 20))
                .open();
    }

    private static void store(MemGuard guard, String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    @Test
    void aServiceThatWasGivenAPipeOutlivesTheRotationsOfOthers() {
        try (var service = service(SecretSources.descriptor(pipe("passphrase\n")))) {
            store(service, "a", "1");
            for (int i = 0; i < 2; i++) {
                try (var other = service(() -> Secrets.text("passphrase"))) {
                    store(other, "b", "2");
                    other.rotate((done, all) -> {});
                }
                assertEquals("2", service.read("b", Secrets::text));
                assertEquals(2, service.list().size());
                store(service, "a", "3");
            }
            service.rotate((done, all) -> {});
            assertEquals("3", service.read("a", Secrets::text));
        }
    }

    @Test
    void aPipeIsReadOnceAndForgottenWhenItsUserCloses() {
        var source = SecretSources.descriptor(pipe("from a pipe\r\n"));
        assertEquals("from a pipe", read(source));
        assertEquals("from a pipe", read(source));
        SoftwareKeys.passphrase(source).close();
        assertTrue(failure(source).getMessage().contains("was read to its end before"));
    }

    @Test
    void anotherSourceIsAskedOnceUntilItIsClosed() {
        var asked = new AtomicInteger();
        var kept = SecretSources.kept(() -> Secrets.text("answer " + asked.incrementAndGet()));
        assertEquals("answer 1", read(kept));
        assertEquals("answer 1", read(kept));
        kept.close();
        kept.close();
        assertEquals("answer 2", read(kept), "a wrong passphrase closes the provider; the next try asks again");
        assertSame(kept, SecretSources.kept(kept));
        kept.close();
    }

    @Test
    void aDescriptorIsReadFromWhereItStandsWhateverItsFileIsCalledAndWhoMayOpenIt() throws Exception {
        Path file = Files.writeString(temporary.resolve("file"), "first line\nsecond line\n");
        int descriptor = file(file);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
        Files.delete(file);
        LinuxLibrary.lseek(descriptor, "first line\n".length(), LinuxLibrary.SEEK_SET());
        assertEquals("second line", read(SecretSources.descriptor(descriptor)));
        assertEquals("second line", read(SecretSources.descriptor(descriptor)));
    }

    @Test
    void aNumberThatIsNotOpenOrIsJavasOwnIsAnErrorOfTheArguments() throws Exception {
        for (int number : new int[] {-1, 999_999, javasOwn()}) {
            var failure = failure(SecretSources.descriptor(number));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
            assertTrue(failure.getMessage().contains(number + " is not open"), failure.getMessage());
        }
        var directory = failure(SecretSources.descriptor(file(temporary)));
        assertEquals(ErrorCode.KEY_INVALID, directory.code());
        assertTrue(directory.getMessage().contains("directory"), directory.getMessage());
        assertFalse(directory.getMessage().contains("/proc"), directory.getMessage());
    }

    private static int javasOwn() throws Exception {
        Path modules = Path.of(System.getProperty("java.home")).toRealPath().resolve("lib/modules");
        try (var all = Files.list(Path.of("/proc/self/fd"))) {
            for (Path link : all.toList()) {
                if (Files.exists(link) && Files.readSymbolicLink(link).equals(modules)) {
                    return Integer.parseInt(link.getFileName().toString());
                }
            }
        }
        throw new AssertionError("Java has not opened its modules");
    }

    @Test
    void adviceIsGivenOnlyWhereItHelps() throws Exception {
        Path open = Files.writeString(temporary.resolve("open"), "x");
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-r--r--"));
        Path link = Files.createSymbolicLink(temporary.resolve("link"), open);
        assertTrue(failure(SecretSources.file(link)).getMessage().endsWith("chmod 600 " + open.toRealPath()));
        for (String strange : List.of("/", "/dev/null", temporary.toString())) {
            var failure = failure(SecretSources.file(Path.of(strange)));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
            assertFalse(failure.getMessage().contains("chmod"), failure.getMessage());
        }
        // As kubelet publishes a Secret.
        Path published = Files.createDirectory(temporary.resolve("..2026_11_27"));
        Path secret = Files.writeString(published.resolve("passphrase"), "x");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("r--r--r--"));
        Files.createSymbolicLink(temporary.resolve("..data"), published.getFileName());
        Path mounted = Files.createSymbolicLink(temporary.resolve("passphrase"), Path.of("..data/passphrase"));
        String message = failure(SecretSources.file(mounted)).getMessage();
        assertTrue(message.contains("defaultMode: 0400") && !message.contains("chmod"), message);
    }

    @Test
    void aFileIsReadAgainAndANamedPipeIsReadOnce() throws Exception {
        Path file = Files.createFile(
                temporary.resolve("file"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        var source = SecretSources.file(file);
        Files.writeString(file, "one");
        assertEquals("one", read(source));
        Files.writeString(file, "two");
        assertEquals("two", read(source));
        int pipe = pipe("three");
        var byName = SecretSources.file(Path.of("/proc/self/fd/" + pipe));
        assertEquals("three", read(byName));
        assertEquals("three", read(byName));
    }
}
