package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Stores of one user in the hands of another. Only root can play both. */
class OwnersTest {
    private static final String NOBODY = "65534";

    private Path open;

    @BeforeEach
    void place() throws IOException {
        open = Files.createTempDirectory("memguard-owners");
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @AfterEach
    void remove() throws IOException {
        try (Stream<Path> all = Files.walk(open)) {
            all.sorted(java.util.Comparator.reverseOrder())
                    .forEach(file -> file.toFile().delete());
        }
    }

    private static boolean isRoot(String what) {
        boolean root = Posix.effectiveUser() == 0;
        if (!root) {
            System.out.println("NOT TESTED without root: " + what + " (run scripts/test as root)");
        }
        return root;
    }

    private String asNobody(Path directory) throws Exception {
        try (var child = ChildJvm.start(
                OtherUser.classPath(open), Task.class, OtherUser.command(65534), List.of(directory.toString()))) {
            return child.rest();
        }
    }

    @Test
    void someoneElsesStoreIsRefused() throws Exception {
        if (isRoot("a store of another user")) {
            Path store = open.resolve("store");
            MemGuard.at(store).keys(new FixedKeys(1)).open().close();
            Files.setPosixFilePermissions(store, PosixFilePermissions.fromString("rwxr-xr-x"));
            String said = asNobody(store);
            assertTrue(said.contains("SECURITY_ERROR"), said);
            assertTrue(said.contains("belongs to another user (uid 0)"), said);
        }
    }

    @Test
    void whatRootStoresForAServiceTheServiceCanRead() throws Exception {
        if (isRoot("root working on the store of a service user")) {
            Path store = Files.createDirectory(open.resolve("store"));
            Files.setAttribute(store, "unix:uid", Integer.parseInt(NOBODY));
            try (var guard = MemGuard.at(store).keys(new FixedKeys(1)).open();
                    var value = Secrets.text("by root")) {
                guard.store("a", value);
                try (Stream<Path> all = Files.walk(store)) {
                    for (Path file : all.toList()) {
                        assertEquals(65534, Files.getAttribute(file, "unix:uid"), file.toString());
                    }
                }
            }
            String said = asNobody(store);
            assertTrue(said.contains("read: by root"), said);
            try (var guard = MemGuard.at(store).keys(new FixedKeys(1)).open()) {
                assertEquals("by nobody", guard.<String, RuntimeException>read("b", Secrets::text));
            }
        }
    }

    /** What the other user does. */
    static final class Task {
        private Task() {}

        public static void main(String[] arguments) {
            try (var guard = MemGuard.at(Path.of(arguments[0]))
                            .keys(new FixedKeys(1))
                            .open();
                    var value = Secrets.text("by nobody")) {
                System.out.println("read: " + guard.<String, RuntimeException>read("a", Secrets::text));
                guard.store("b", value);
            } catch (MemGuardException e) {
                System.out.println(e.code() + " " + e.getMessage());
            }
        }
    }
}
