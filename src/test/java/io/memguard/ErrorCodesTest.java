package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every error code from a real cause. What only permissions can cause is caused by an immutable or a full file system as
 * root, who is above permissions, and by permissions as anybody else.
 */
class ErrorCodesTest {
    @TempDir
    Path temporary;

    private Path directory;
    private MemGuard guard;

    @BeforeEach
    void open() {
        directory = temporary.resolve("store");
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        store("a", "first-value");
    }

    @AfterEach
    void close() {
        guard.close();
    }

    private void store(String name, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store(name, buffer);
        }
    }

    private String read(String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private Path folder() {
        return directory.resolve("memguard_secure");
    }

    private static void assertCode(ErrorCode code, Executable call) {
        var error = assertThrows(MemGuardException.class, call);
        assertEquals(code, error.code(), error.getMessage());
        assertEquals(1, error.getMessage().lines().count());
        assertFalse(error.getMessage().contains("first-value"), "a value in: " + error.getMessage());
    }

    /** Runs while nothing in the folder can be changed; whoever is root needs more than permissions for that. */
    private void whileUnwritable(Runnable task) throws Exception {
        if (Posix.effectiveUser() == 0) {
            // Not a mount over it: the store holds the folder that is below.
            if (said("chattr", "+i", folder().toString()).isPresent()) {
                System.out.println("NOT TESTED as root: an unwritable folder, which this file system does not have");
                return;
            }
            try {
                task.run();
            } finally {
                said("chattr", "-i", folder().toString());
            }
        } else {
            Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("r-x------"));
            try {
                task.run();
            } finally {
                Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwx------"));
            }
        }
    }

    private static void run(String... command) throws IOException, InterruptedException {
        assertEquals(Optional.empty(), said(command));
    }

    /** What a command said where it failed. */
    private static Optional<String> said(String... command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return process.waitFor() == 0 ? Optional.empty() : Optional.of(said);
    }

    @Test
    void keyInvalid() {
        assertCode(
                ErrorCode.KEY_INVALID,
                () -> MemGuard.at(directory).keys(new FixedKeys(2)).open());
    }

    @Test
    void securityError() throws IOException {
        Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwxrwxrwx"));
        assertCode(
                ErrorCode.SECURITY_ERROR,
                () -> MemGuard.at(directory).keys(new FixedKeys(1)).open());
    }

    @Test
    void rateLimitExceeded() {
        for (int i = 0; i < 5; i++) {
            guard.retrieveDirect("a");
        }
        assertCode(ErrorCode.RATE_LIMIT_EXCEEDED, () -> guard.retrieveDirect("a"));
    }

    @Test
    void retrieveFailed() throws IOException {
        guard.cleanupMemory();
        try (Stream<Path> files = Files.list(folder())) {
            Path value = files.filter(file -> file.toString().endsWith(".dat"))
                    .findFirst()
                    .orElseThrow();
            byte[] changed = Files.readAllBytes(value);
            changed[10] ^= 1;
            Files.write(value, changed);
        }
        assertCode(ErrorCode.RETRIEVE_FAILED, () -> read("a"));
        assertCode(ErrorCode.RETRIEVE_FAILED, () -> guard.retrieveDirect("a"));
        store("a", "two"); // The way out that the message names.
        assertEquals("two", read("a"));
    }

    @Test
    void aPipeInPlaceOfAFileIsRetrieveFailedAndNothingHangs() throws Exception {
        guard.cleanupMemory();
        Path value;
        try (Stream<Path> files = Files.list(folder())) {
            value = files.filter(file -> file.toString().endsWith(".dat"))
                    .findFirst()
                    .orElseThrow();
        }
        Files.delete(value);
        run("mkfifo", value.toString());
        assertCode(ErrorCode.RETRIEVE_FAILED, () -> read("a"));
        Files.delete(value);
        Files.createSymbolicLink(value, Path.of("/dev/zero"));
        assertCode(ErrorCode.RETRIEVE_FAILED, () -> read("a"));
    }

    @Test
    void storeFailedLeavesTheValueBeforeAndTheNextCallWorks() throws Exception {
        whileUnwritable(() -> {
            assertCode(ErrorCode.STORE_FAILED, () -> store("a", "two"));
            assertCode(ErrorCode.STORE_FAILED, () -> store("b", "two"));
            assertEquals("first-value", read("a"));
        });
        store("a", "three");
        assertEquals("three", read("a"));
        assertFalse(guard.contains("b"));
    }

    @Test
    void aFullDiskIsStoreFailedAndLosesNothing() throws Exception {
        if (Posix.effectiveUser() != 0) {
            System.out.println("NOT TESTED without root: a full file system (run scripts/test as root)");
            return;
        }
        Path small = Files.createDirectory(temporary.resolve("small"));
        run("mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", small.toString());
        try (var full = MemGuard.at(small).keys(new FixedKeys(1)).open();
                var large = Secrets.random(5_000_000, 1);
                var value = Secrets.text("kept")) {
            full.store("a", value);
            var error = assertThrows(MemGuardException.class, () -> full.store("a", large));
            assertEquals(ErrorCode.STORE_FAILED, error.code());
            assertTrue(error.getMessage().contains("free some space"), error.getMessage());
            full.cleanupMemory();
            assertEquals("kept", full.<String, RuntimeException>read("a", Secrets::text));
            full.store("b", value);
            try (Stream<Path> files = Files.list(small.resolve("memguard_secure"))) {
                assertEquals(
                        0,
                        files.filter(file -> file.toString().contains(".tmp")).count());
            }
        } finally {
            run("umount", "-l", small.toString());
        }
    }

    @Test
    void deleteFailed() throws Exception {
        whileUnwritable(() -> assertCode(ErrorCode.DELETE_FAILED, () -> guard.delete("a")));
        assertEquals("first-value", read("a"));
        assertTrue(guard.delete("a"));
    }

    /** Two values: their names are not touched before they are gone. */
    @Test
    void cleanupFailedSaysWhatIsLeft() throws Exception {
        store("b", "two");
        whileUnwritable(() -> {
            var error = assertThrows(MemGuardException.class, guard::cleanupAll);
            assertEquals(ErrorCode.CLEANUP_FAILED, error.code());
            assertTrue(error.getMessage().contains("2 files"), error.getMessage());
        });
    }

    /** The folder is gone: neither figures nor an answer can be had. */
    @Test
    void getStatsFailed() throws IOException {
        Files.move(folder(), temporary.resolve("away"));
        assertCode(ErrorCode.GETSTATS_FAILED, guard::stats);
        Files.move(temporary.resolve("away"), folder());
        assertEquals(1, guard.stats().itemsCount());
    }

    @Test
    void containsFailed() throws Exception {
        if (Posix.effectiveUser() == 0) {
            // A loop of links is an error for root, too.
            Files.move(folder(), temporary.resolve("away"));
            Files.createSymbolicLink(folder(), folder());
        } else {
            Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("---------"));
        }
        assertCode(ErrorCode.CONTAINS_FAILED, () -> guard.contains("a"));
        if (Posix.effectiveUser() != 0) {
            Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwx------"));
            assertTrue(guard.contains("a"));
        }
    }

    @Test
    void invalidArguments() {
        assertCode(ErrorCode.INVALID_ARGUMENTS, () -> guard.contains(""));
        assertCode(
                ErrorCode.INVALID_ARGUMENTS,
                () -> MemGuard.at(directory)
                        .keys(new FixedKeys(1))
                        .mode(OpenMode.CREATE)
                        .open());
        assertCode(ErrorCode.INVALID_ARGUMENTS, () -> MemGuard.at(directory).open());
    }

    @Test
    void everyCodeHasItsExitStatusForever() {
        int expected = 10;
        for (ErrorCode code : ErrorCode.values()) {
            assertEquals(expected++, code.exitStatus(), code.name());
        }
        assertEquals(20, expected);
    }
}
