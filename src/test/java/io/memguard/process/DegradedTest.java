package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardBuilder;
import io.memguard.MemGuardException;
import io.memguard.MemoryUsage;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.Status;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Without the native libraries, whatever keeps them from loading; and when they are back. */
class DegradedTest {
    private static final Path LIBRARIES = Path.of("target/classes/io/memguard/native/linux-x86_64");
    private static final String RUST = "libmemguard_ffi.so";
    private static final String SODIUM = "libsodium.so.26";

    @TempDir
    Path temporary;

    private Path store;
    private Path passphrase;
    private Path natives;

    @BeforeEach
    void makeStore() throws IOException {
        store = temporary.resolve("store");
        passphrase = temporary.resolve("passphrase");
        natives = Files.createDirectory(temporary.resolve("natives"));
        Files.writeString(passphrase, "correct horse");
        Files.setPosixFilePermissions(passphrase, PosixFilePermissions.fromString("rw-------"));
        try (var guard = open(store, passphrase).open();
                var value = Secrets.text("stored natively")) {
            guard.store("before", value);
        }
    }

    private static MemGuardBuilder open(Path store, Path passphrase) {
        return MemGuard.at(store)
                .keys(SoftwareKeys.passphrase(SecretSources.file(passphrase)).cost(1, 8 << 20));
    }

    private void copyLibraries() throws IOException {
        for (String name : List.of(SODIUM, RUST)) {
            Files.copy(LIBRARIES.resolve(name), natives.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Runs a service without libraries, mends them, and lets it go on. */
    private void degradedAndBack(String expectedReason) throws Exception {
        try (var child = ChildJvm.start(
                Service.class,
                List.of("env", "JAVA_TOOL_OPTIONS=-Dmemguard.native.directory=" + natives),
                List.of(store.toString(), passphrase.toString()))) {
            child.expect("degraded works");
            Files.deleteIfExists(natives.resolve(RUST)); // A new file: the old one may be mapped.
            Files.deleteIfExists(natives.resolve(SODIUM));
            copyLibraries();
            child.send("");
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            assertTrue(said.contains("back again"), said);
            assertTrue(said.contains(expectedReason), said);
        }
        try (var guard = open(store, passphrase).open()) {
            assertEquals("stored degraded", guard.<String, RuntimeException>read("during", Secrets::text));
            assertEquals("stored natively", guard.<String, RuntimeException>read("before", Secrets::text));
            assertEquals(List.of("before", "during"), guard.list());
        }
    }

    @Test
    void aKeyChangeThatWasInterruptedOpensAllTheSame() throws Exception {
        try (var guard = open(store, passphrase).open()) {
            assertThrows(
                    IllegalStateException.class,
                    () -> guard.rotate((done, total) -> {
                        throw new IllegalStateException("stopped");
                    }));
        }
        degradedAndBack("libsodium.so.26");
    }

    @Test
    void absentLibraries() throws Exception {
        degradedAndBack("libsodium.so.26");
    }

    @Test
    void aTruncatedLibrary() throws Exception {
        copyLibraries();
        byte[] whole = Files.readAllBytes(natives.resolve(RUST));
        Files.write(natives.resolve(RUST), java.util.Arrays.copyOf(whole, whole.length / 3));
        degradedAndBack("is truncated");
    }

    @Test
    void aLibraryOfAnotherArchitecture() throws Exception {
        copyLibraries();
        byte[] library = Files.readAllBytes(natives.resolve(RUST));
        library[18] = (byte) 0xB7; // e_machine: AArch64
        Files.write(natives.resolve(RUST), library);
        degradedAndBack("is not a library for Linux x86_64");
    }

    @Test
    void aLibraryWithoutTheFunctions() throws Exception {
        copyLibraries();
        Files.copy(natives.resolve(SODIUM), natives.resolve(RUST), StandardCopyOption.REPLACE_EXISTING);
        degradedAndBack("lacks the functions");
    }

    @Test
    void aNoexecDirectory() throws Exception {
        if (Posix.effectiveUser() != 0) {
            System.out.println("NOT TESTED without root: a noexec mount (run scripts/test as root)");
            return;
        }
        run("mount", "-t", "tmpfs", "-o", "noexec", "none", natives.toString());
        try {
            copyLibraries();
            try (var child = ChildJvm.start(
                    Service.class,
                    List.of("env", "JAVA_TOOL_OPTIONS=-Dmemguard.native.directory=" + natives),
                    List.of(store.toString(), passphrase.toString()))) {
                child.expect("degraded works");
                run("mount", "-o", "remount,exec", natives.toString());
                child.send("");
                String said = child.rest();
                assertTrue(said.contains("back again"), said);
                assertTrue(said.contains("noexec"), said);
            }
        } finally {
            run("umount", "--lazy", natives.toString());
        }
    }

    private static void run(String... command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
    }

    @Test
    void aCacheThatWasShutDownAnswersNotReadyAndComesBack() {
        try (var guard = open(store, passphrase).open();
                var value = Secrets.text("stored meanwhile")) {
            var secret = guard.secret("before").orElseThrow();
            guard.storeEphemeral("otp", value, Duration.ofMinutes(1));
            assertEquals("stored natively", secret.<String, RuntimeException>read(segment -> {
                guard.shutdownCache();
                return Secrets.text(segment); // A borrow under way ends undisturbed.
            }));
            guard.shutdownCache();
            assertEquals(Status.RUST_NOT_READY, guard.retrieve("before"));
            assertEquals(Status.RUST_NOT_READY, guard.store("meanwhile", value));
            assertFalse(guard.contains("otp"));
            assertFalse(guard.stats().rustInitialized());
            var error = assertThrows(MemGuardException.class, () -> secret.read(Secrets::text));
            assertEquals(ErrorCode.SECURITY_ERROR, error.code());
            assertEquals(
                    "stored meanwhile",
                    new String(guard.retrieveDirect("meanwhile").orElseThrow(), StandardCharsets.UTF_8));
            guard.startCache();
            guard.startCache();
            assertEquals(Status.DONE, guard.retrieve("meanwhile"));
            assertEquals("stored natively", secret.<String, RuntimeException>read(Secrets::text));
        }
    }

    @Test
    void anotherPlatformIsNamed() throws Exception {
        for (var platform :
                Map.of("os.arch", "aarch64", "os.name", "Windows 11").entrySet()) {
            try (var child = ChildJvm.start(
                    Plain.class,
                    List.of("env", "JAVA_TOOL_OPTIONS=-D" + platform.getKey() + "='" + platform.getValue() + "'"),
                    List.of(store.toString(), passphrase.toString()))) {
                String said = child.rest();
                assertTrue(said.contains("SECURITY_ERROR no native library for"), said);
                assertTrue(said.contains(platform.getValue()), said);
                assertTrue(said.contains("Linux x86_64"), said);
            }
        }
    }

    /** Opens without accepting the degraded state. */
    static final class Plain {
        private Plain() {}

        public static void main(String[] arguments) {
            try (var guard = open(Path.of(arguments[0]), Path.of(arguments[1])).open()) {
                System.out.println("opened " + guard.storeId());
            } catch (MemGuardException e) {
                System.out.println(e.code() + " " + e.getMessage());
            }
        }
    }

    /** What the service does; it fails by an AssertionError. */
    static final class Service {
        private Service() {}

        public static void main(String[] arguments) throws Exception {
            var store = Path.of(arguments[0]);
            var passphrase = Path.of(arguments[1]);
            var refused = assertThrows(
                    MemGuardException.class, () -> open(store, passphrase).open());
            assertEquals(ErrorCode.SECURITY_ERROR, refused.code());
            var wrongKey = assertThrows(
                    MemGuardException.class,
                    () -> MemGuard.at(store)
                            .keys(SoftwareKeys.passphrase(() -> Secrets.text("wrong")))
                            .allowDegraded()
                            .open());
            assertEquals(ErrorCode.KEY_INVALID, wrongKey.code());

            var guard = open(store, passphrase).allowDegraded().open();
            try (var value = SecretBuffer.consume("stored degraded".toCharArray())) {
                assertEquals(Status.RUST_NOT_READY, guard.store("during", value));
                var ephemeral = assertThrows(
                        MemGuardException.class, () -> guard.storeEphemeral("e", value, Duration.ofMinutes(1)));
                assertEquals(ErrorCode.SECURITY_ERROR, ephemeral.code());
            }
            assertEquals(Status.RUST_NOT_READY, guard.retrieve("before"));
            var read = assertThrows(MemGuardException.class, () -> guard.read("before", Secrets::text));
            assertTrue(String.valueOf(read.getMessage()).contains("retrieveDirect"), read.getMessage());
            assertEquals("stored natively", direct(guard, "before"));
            assertEquals("stored degraded", direct(guard, "during"));
            assertTrue(guard.retrieveDirect("nothing").isEmpty());
            assertTrue(guard.contains("before"));
            assertEquals(List.of("before", "during"), guard.list());
            assertFalse(guard.stats().rustInitialized());
            assertEquals(MemoryUsage.Protection.NONE, guard.memoryUsage().protection());
            System.out.println(refused.getMessage());
            System.out.println("degraded works");
            System.in.read();
            Thread.sleep(1100); // It looks once a second.
            assertEquals(Status.DONE, guard.retrieve("before"));
            assertEquals("stored degraded", guard.<String, RuntimeException>read("during", Secrets::text));
            assertEquals(Status.NOT_FOUND, guard.retrieve("nothing"));
            assertTrue(guard.stats().rustInitialized());
            assertEquals("stored natively", direct(guard, "before"));
            guard.close();
            System.out.println("back again; before: " + refused.getMessage());
        }

        private static String direct(MemGuard guard, String name) {
            return new String(guard.retrieveDirect(name).orElseThrow(), StandardCharsets.UTF_8);
        }
    }
}
