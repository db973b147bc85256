package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What services are put into: a /proc of processes only, a limit of processes, a user namespace. */
class SurroundingsTest {
    private static final int USER = 65534;

    private Path open;

    @BeforeEach
    void place() throws IOException {
        open = Files.createTempDirectory("memguard-surroundings");
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @AfterEach
    void remove() throws IOException {
        try (Stream<Path> all = Files.walk(open)) {
            all.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
    }

    private static MemGuard open(Path store) {
        var passphrase = SecretSources.buffer(Secrets.text("correct horse battery staple"));
        return MemGuard.at(store).keys(SoftwareKeys.passphrase(passphrase)).open();
    }

    /** A command that is run by a shell first. */
    private static List<String> after(String... shell) {
        return List.of("unshare", "--mount", "sh", "-c", String.join(" && ", shell) + " && exec \"$@\"", "sh");
    }

    @Test
    void aStoreOpensWhereProcShowsProcessesOnly() throws Exception {
        if (OtherUser.canBePlayed("ProcSubset=pid")) {
            Path store = Files.createDirectory(open.resolve("store"));
            var before = after("mount -t proc -o subset=pid proc /proc", "test ! -e /proc/sys");
            for (int round = 0; round < 2; round++) { // Makes it, and opens it.
                try (var child = ChildJvm.start(Work.class, before, List.of(store.toString()))) {
                    child.expect("works");
                    assertEquals(0, child.exitCode());
                }
            }
            try (var guard = open(store)) {
                assertEquals(40, guard.stats().itemsCount());
            }
        }
    }

    @Test
    void everyCallWorksWhereNoThreadCanBeStarted() throws Exception {
        if (OtherUser.canBePlayed("a limit of processes")) {
            Path store = Files.createDirectory(open.resolve("store"));
            Files.setAttribute(store, "unix:uid", USER);
            try (var child = ChildJvm.start(
                    OtherUser.classPath(open),
                    Work.class,
                    OtherUser.command(USER),
                    List.of(store.toString(), "no threads"))) {
                child.expect("no more threads");
                child.expect("works");
                assertEquals(0, child.exitCode());
            }
        }
    }

    /** There all other owners are shown as nobody's, that of the root directory as well. */
    @Test
    void aUserNamespaceOfOneUserIsNamedAndNoOtherDirectoryAdvised() throws Exception {
        var before = new ArrayList<String>();
        String classPath = ChildJvm.classPath();
        if (Posix.effectiveUser() == 0) {
            before.addAll(OtherUser.command(1234));
            classPath = OtherUser.classPath(open);
        }
        before.addAll(List.of("unshare", "--user", "--map-user=1234", "--map-group=1234", "env"));
        Path store = Files.createDirectory(open.resolve("store"));
        if (Posix.effectiveUser() == 0) {
            Files.setAttribute(store, "unix:uid", 1234);
        }
        before.add("JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=/tmp");
        String library = said(classPath, Work.class, before, store);
        assumeFalse(library.contains("unshare failed"), "no user namespaces here: " + library);
        before.set(before.size() - 1, "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=" + store);
        String directory = said(classPath, Work.class, before, store);
        for (String said : List.of(library, directory)) {
            assertTrue(said.contains("in a user namespace that does not map root"), said);
            assertTrue(said.contains("; map root as well"), said);
            assertFalse(said.contains("choose another --dir") || said.contains("chmod"), said);
        }
    }

    /** As FAT and some FUSE file systems answer. */
    @Test
    void aFileSystemWithoutHardLinksIsNamed() throws Exception {
        Path store = Files.createDirectory(open.resolve("store"));
        var before = List.of("env", "LD_PRELOAD=" + Preload.built("forbid"), "FORBID=86,265"); // link, linkat
        String said = said(ChildJvm.classPath(), Work.class, before, store);
        assertTrue(said.contains("Operation not permitted"), said);
        assertTrue(said.contains("; either the file system of the type "), said);
        assertTrue(said.contains("hard links"), said);
    }

    private static String said(String classPath, Class<?> main, List<String> before, Path store) throws Exception {
        try (var child = ChildJvm.start(classPath, main, before, List.of(store.toString()))) {
            String said = child.rest();
            assertNotEquals(0, child.exitCode());
            return said;
        }
    }

    /** All that a service does, some of it by threads. */
    static final class Work {
        private Work() {}

        public static void main(String[] arguments) throws Exception {
            try (var guard = open(Path.of(arguments[0]))) {
                if (arguments.length > 1) {
                    forbidThreads();
                }
                var values = new HashMap<String, io.memguard.SecretBuffer>();
                for (int i = 0; i < 40; i++) {
                    values.put("name " + i, Secrets.text("value " + i));
                }
                guard.storeAll(values);
                values.values().forEach(io.memguard.SecretBuffer::close);
                guard.rotate((done, all) -> {});
                guard.cleanupMemory();
                expect("value 7", guard.<String, RuntimeException>read("name 7", Secrets::text));
                try (var value = Secrets.text("in memory")) {
                    guard.storeEphemeral("otp", value, Duration.ofMillis(700));
                    expect("in memory", guard.<String, RuntimeException>read("otp", Secrets::text));
                    Thread.sleep(1300);
                    guard.storeEphemeral("otp 2", value, Duration.ofMinutes(1));
                }
                expect("false", "" + guard.contains("otp"));
                expect("40", "" + guard.stats().itemsCount());
            }
            System.out.println("works");
        }

        private static void expect(String expected, String actual) {
            if (!actual.equals(expected)) {
                throw new AssertionError(actual);
            }
        }

        private static void forbidThreads() throws Exception {
            // The thread that waits for this process has to be started before.
            String limit = "sleep 2; prlimit --pid " + ProcessHandle.current().pid() + " --nproc=1";
            new ProcessBuilder("sh", "-c", limit).inheritIO().start().waitFor();
            var started = new ArrayList<Thread>();
            try {
                while (started.size() < 10) {
                    started.add(Thread.ofPlatform().daemon().start(() -> {}));
                }
            } catch (OutOfMemoryError e) {
                System.out.println("no more threads");
            }
        }
    }
}
