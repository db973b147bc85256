package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may read and write a store: its owner, whatever the process was started with. */
class PermissionsTest {
    @TempDir
    Path temporary = Path.of("");

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    /** Of all files in the folder at this moment, with the first letters of their names. */
    private static void look(Path folder, TreeSet<String> seen) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                try {
                    String name = String.valueOf(file.getFileName());
                    seen.add(mode(file) + " " + name.substring(0, Math.min(5, name.length())));
                } catch (NoSuchFileException e) {
                    // A temporary file that has its name now.
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"000", "022", "077"})
    void everyFileIsItsOwnersOnlyWhateverTheUmask(String umask) throws Exception {
        Path directory = temporary.resolve("new/store");
        Path folder = directory.resolve("memguard_secure");
        var seen = new TreeSet<String>();
        try (var child = ChildJvm.start(
                Writer.class,
                List.of("sh", "-c", "umask " + umask + "; exec \"$0\" \"$@\""),
                List.of(directory.toString()))) {
            child.expect("ready");
            while (!String.join(" ", seen).contains(".tmp_")) {
                look(folder, seen);
            }
            child.send("enough");
            assertEquals("", child.rest());
            assertEquals(0, child.exitCode());
        }
        look(folder, seen);
        for (String kind : List.of(".tmp_", "keyst", "mg_", "store")) {
            assertTrue(String.join("\n", seen).contains(kind), kind + " in " + seen);
        }
        for (String file : seen) {
            assertTrue(file.startsWith("rw------- "), file);
        }
        assertEquals("rwx------", mode(folder));
        assertEquals("rwx------", mode(directory));
    }

    /** A list of the directory above that lets everybody in counts for what is made below it: not for a store. */
    @Test
    void aDefaultAccessControlListOpensNothing() throws Exception {
        var setting = new ProcessBuilder(
                        "python3",
                        "-c",
                        "import os, struct, sys\n"
                                + "entry = lambda tag, rights: struct.pack('<HHI', tag, rights, 0xffffffff)\n"
                                + "acl = struct.pack('<I', 2) + entry(1, 7) + struct.pack('<HHI', 2, 7, 12345)"
                                + " + entry(4, 7) + entry(16, 7) + entry(32, 7)\n"
                                + "os.setxattr(sys.argv[1], 'system.posix_acl_default', acl)",
                        temporary.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(setting.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        if (setting.waitFor() != 0) {
            System.out.println(
                    "NOT TESTED: access control lists, " + said.lines().reduce("", (one, other) -> other));
            return;
        }
        Path folder = temporary.resolve("store/memguard_secure");
        try (var guard = MemGuard.at(temporary.resolve("store"))
                        .keys(new FixedKeys(1))
                        .open();
                var value = Secrets.text("value")) {
            guard.store("a", value);
        }
        var seen = new TreeSet<String>();
        look(folder, seen);
        assertEquals("rwx------", mode(folder)); // The group's place is the list's mask: nobody's entry counts.
        assertTrue(seen.stream().allMatch(file -> file.startsWith("rw------- ")), seen.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwxrwxr-x", "rwxr-xrwx", "rwxrwxrwx"})
    void aDirectoryThatOthersCanWriteIsRefused(String permissions) throws IOException {
        Path directory = temporary.resolve("store");
        MemGuard.at(directory).keys(new FixedKeys(1)).open().close();
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString(permissions));
        refuses(directory, "can be written by ");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        MemGuard.at(directory).keys(new FixedKeys(1)).open().close();
    }

    private static void refuses(Path directory, String why) {
        var error = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory).keys(new FixedKeys(1)).open());
        assertEquals(ErrorCode.SECURITY_ERROR, error.code());
        assertTrue(error.getMessage().contains(why), error.getMessage());
    }

    /** For whoever is not root, who goes where it is sent. */
    @Test
    void aPathThatEverybodyCanLeadElsewhereIsRefused() throws Exception {
        Path above = Files.createDirectory(temporary.resolve("above"));
        Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxrwxrwx"));
        if (Posix.effectiveUser() != 0) {
            refuses(above.resolve("store"), "can be written by all users");
            Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        MemGuard.at(above.resolve("store")).keys(new FixedKeys(1)).open().close();
    }

    /** Makes a store with a container, and writes until it is told to stop. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) throws IOException {
            var keys =
                    SoftwareKeys.passphrase(() -> Secrets.text("a passphrase")).cost(1, 8 << 20);
            try (var guard = MemGuard.at(Path.of(arguments[0])).keys(keys).open();
                    var value = Secrets.random(100, 1)) {
                guard.store("a", value);
                System.out.println("ready");
                while (System.in.available() == 0) {
                    guard.store("a", value);
                }
            }
        }
    }
}
