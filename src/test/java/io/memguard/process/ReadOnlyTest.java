package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** A store that is read where nothing can be written, or may be. */
class ReadOnlyTest {
    @TempDir
    Path directory = Path.of("");

    private Path folder = Path.of("");

    @BeforeEach
    void make() throws IOException {
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open()) {
            store(guard, "value");
        }
        folder = directory.resolve("memguard_secure");
        for (String file : List.of("store.lock", "store.generations", "store.totals")) {
            Files.delete(folder.resolve(file)); // What a service needs for itself is in no image.
        }
    }

    private static void store(MemGuard guard, String text) {
        try (var value = Secrets.text(text)) {
            guard.store("a", value);
        }
    }

    private static MemGuard open(Path directory) {
        return MemGuard.at(directory)
                .mode(OpenMode.READ_ONLY)
                .keys(new FixedKeys(1))
                .open();
    }

    private TreeMap<String, String> state() throws IOException {
        var state = new TreeMap<String, String>();
        try (var files = Files.walk(directory)) {
            for (Path file : files.toList()) {
                state.put(file.toString(), Files.getAttribute(file, "unix:ctime") + " " + Files.size(file));
            }
        }
        return state;
    }

    private static void refused(ErrorCode code, Executable call) {
        var refused = assertThrows(MemGuardException.class, call);
        assertEquals(code, refused.code());
        assertTrue(refused.getMessage().contains("for reading only"), refused.getMessage());
    }

    @Test
    void everythingIsReadAndNothingWritten() throws IOException {
        var before = state();
        try (var guard = open(directory)) {
            assertEquals("value", guard.<String, RuntimeException>read("a", Secrets::text));
            assertEquals(List.of("a"), guard.list());
            assertTrue(guard.contains("a"));
            assertFalse(guard.contains("b"));
            assertEquals(1, guard.stats().itemsCount());
            refused(ErrorCode.STORE_FAILED, () -> store(guard, "other"));
            refused(ErrorCode.DELETE_FAILED, () -> guard.delete("a"));
            refused(ErrorCode.STORE_FAILED, () -> guard.rotate((done, all) -> {}));
            refused(ErrorCode.CLEANUP_FAILED, guard::cleanupAll);
            try (var value = Secrets.text("in memory")) {
                guard.storeEphemeral("otp", value, Duration.ofMinutes(1));
            }
            assertEquals("in memory", guard.<String, RuntimeException>read("otp", Secrets::text));
        }
        assertEquals(before, state());
        var missing = assertThrows(MemGuardException.class, () -> open(directory.resolve("elsewhere")));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, missing.code());
    }

    @Test
    void aChangeByAWriterIsReadWithinASecond() throws Exception {
        try (var guard = open(directory);
                var writer = MemGuard.at(directory).keys(new FixedKeys(1)).open()) {
            assertEquals("value", guard.<String, RuntimeException>read("a", Secrets::text));
            store(writer, "newer");
            Thread.sleep(1000);
            assertEquals("newer", guard.<String, RuntimeException>read("a", Secrets::text));
            writer.delete("a");
            Thread.sleep(1000);
            assertThrows(MemGuardException.class, () -> guard.<String, RuntimeException>read("a", Secrets::text));
        }
    }

    /** Files behind links, readable for all, as kubelet makes them; and another folder in their place at a change. */
    @Test
    void aConfigMapIsRead() throws Exception {
        Path mounted = Files.createDirectory(directory.resolve("mounted"));
        Path map = Files.createDirectory(mounted.resolve("memguard_secure"));
        Path first = map.resolve("..2026_11_27");
        Files.move(folder, first);
        Files.setPosixFilePermissions(first, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.createSymbolicLink(map.resolve("..data"), first.getFileName());
        try (var guard = open(mounted)) {
            assertEquals("value", guard.<String, RuntimeException>read("a", Secrets::text));
            Path second = map.resolve("..2026_11_28");
            assertEquals(
                    0,
                    new ProcessBuilder("cp", "-a", first.toString(), second.toString())
                            .start()
                            .waitFor());
            Files.createSymbolicLink(map.resolve("..next"), second.getFileName());
            Files.move(map.resolve("..next"), map.resolve("..data"), java.nio.file.StandardCopyOption.ATOMIC_MOVE);
            Thread.sleep(1000);
            var moved = assertThrows(
                    MemGuardException.class, () -> guard.<String, RuntimeException>read("a", Secrets::text));
            assertTrue(moved.getMessage().contains("open it again"), moved.getMessage());
        }
    }

    @Test
    void whatAVolumeWithFsGroupIsLikeIsRefusedUnlessItIsAllowed() throws IOException {
        Files.setAttribute(folder, "unix:mode", 02770);
        Files.setAttribute(directory, "unix:mode", 02775);
        var refused = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory).keys(new FixedKeys(1)).open());
        assertEquals(ErrorCode.SECURITY_ERROR, refused.code());
        assertTrue(refused.getMessage().contains("--allow-group"), refused.getMessage());
        MemGuard.at(directory).allowGroupAccess().keys(new FixedKeys(1)).open().close();
        Files.setAttribute(folder, "unix:mode", 02775); // Open to all.
        assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory)
                        .allowGroupAccess()
                        .keys(new FixedKeys(1))
                        .open());
    }

    @Test
    void aReadOnlyMountIsReadAndAnErrorNamesTheDirectoryAsUsersKnowIt() throws Exception {
        if (OtherUser.canBePlayed("a read-only mount")) {
            Files.setPosixFilePermissions(
                    folder, PosixFilePermissions.fromString("rwxrwxr-x")); // It does not matter there.
            var before = List.of(
                    "unshare",
                    "--mount",
                    "sh",
                    "-c",
                    "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"",
                    directory.toString());
            try (var child = ChildJvm.start(Reader.class, before, List.of(directory.toString()))) {
                child.expect("value");
                String error = String.valueOf(child.readLine());
                assertTrue(error.contains("memguard_secure"), error);
                assertFalse(error.contains("/proc/"), error);
                assertEquals(0, child.exitCode());
            }
        }
    }

    /** Reads what it is given, then tries to open it for more. */
    static final class Reader {
        private Reader() {}

        public static void main(String[] arguments) throws IOException {
            Path directory = Path.of(arguments[0]);
            try (var guard = open(directory)) {
                System.out.println(guard.<String, RuntimeException>read("a", Secrets::text));
            }
            try (var guard = MemGuard.at(directory)
                    .allowGroupAccess()
                    .keys(new FixedKeys(1))
                    .open()) {
                System.out.println("opened " + guard);
            } catch (MemGuardException e) {
                System.out.println(e.getMessage());
            }
        }
    }
}
