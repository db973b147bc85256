package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.MemoryPolicy;
import io.memguard.Secrets;
import io.memguard.doctor.Doctor;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.Posix;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How the native libraries come out of the jar into a process, and from where else; each case in a JVM of its own. */
class NativeLoadingTest {
    private static final Path LIBRARIES = Path.of("target/classes/io/memguard/native/linux-x86_64");
    private static final String RUST = "libmemguard_ffi.so";
    private static final String SODIUM = "libsodium.so.26";

    @TempDir
    Path temporary;

    private Path unpacking;
    private Path other;

    @BeforeEach
    void makeDirectories() throws IOException {
        unpacking = Files.createDirectory(temporary.resolve("tmp"));
        other = Files.createDirectory(temporary.resolve("other"));
    }

    /** Opens a store in a new JVM; what it said. */
    private String run(String classPath, List<String> before, Class<?> main) throws IOException {
        var command = new ArrayList<>(List.of("env", "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=" + unpacking));
        command.addAll(before);
        var store = temporary.resolve("store").toString();
        try (var child = ChildJvm.start(classPath, main, command, List.of(store))) {
            return child.rest();
        }
    }

    private String run(String... before) throws IOException {
        return run(ChildJvm.classPath(), List.of(before), Opens.class);
    }

    private void copyLibraries() throws IOException {
        for (String name : List.of(SODIUM, RUST)) {
            Files.copy(LIBRARIES.resolve(name), other.resolve(name));
        }
    }

    private static void assertSays(String expected, String said) {
        assertTrue(said.contains(expected), said);
    }

    private static void assertFailsWith(String expected, String said) {
        assertSays("SECURITY_ERROR ", said);
        String line = said.lines()
                .filter(text -> text.startsWith("SECURITY_ERROR"))
                .findFirst()
                .orElseThrow();
        assertTrue(line.contains(expected), said);
        assertFalse(said.contains("opened"), said);
    }

    @Test
    void nothingIsLeftWhereTheyAreUnpacked() throws IOException {
        assertSays("opened", run());
        try (var left = Files.list(unpacking)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void manyClassLoadersShareOneMapping() throws IOException {
        String said = run(ChildJvm.classPath(), List.of(), ManyClassLoaders.class);
        assertSays("8 class loaders", said);
        assertSays(RUST + " is mapped from 1 file", said);
        assertSays(SODIUM + " is mapped from 1 file", said);
    }

    @Test
    void aPropertyThatLeadsNowhereIsNotBelieved() throws IOException {
        String digest = Files.readString(LIBRARIES.resolve("SHA256SUMS"))
                .lines()
                .filter(line -> line.endsWith("  " + RUST))
                .map(line -> line.substring(0, 64))
                .findFirst()
                .orElseThrow();
        String option = "-Dmemguard.native.mapped." + digest + "=" + other.resolve("gone.so");
        assertSays("opened", run("env", "JDK_JAVA_OPTIONS=" + option));
    }

    @Test
    void aLibraryThatLiesWhereAnotherProcessHadMappedOursIsNotLoaded() throws Exception {
        String digest = Files.readString(LIBRARIES.resolve("SHA256SUMS"))
                .lines()
                .filter(line -> line.endsWith("  " + RUST))
                .map(line -> line.substring(0, 64))
                .findFirst()
                .orElseThrow();
        Path planted = Files.copy(Preload.built("loaded"), other.resolve(RUST));
        String said = run("env", "JDK_JAVA_OPTIONS=-Dmemguard.native.mapped." + digest + "=" + planted);
        assertSays("opened", said);
        assertFalse(said.contains("LOADED"), said);
        assertSays("LOADED", run("env", "LD_PRELOAD=" + planted)); // What it says where it is.
    }

    @Test
    void aFilterThatForbidsLockingIsNamedAndNotTakenForTheLimit() throws Exception {
        List<String> before = List.of(
                "env", "LD_PRELOAD=" + Preload.built("forbid"), "FORBID=149,325,447"); // mlock, mlock2, memfd_secret
        String said = run(ChildJvm.classPath(), before, Opens.class);
        assertFailsWith("a filter of system calls (seccomp) forbids it", said);
        assertFailsWith("Operation not permitted", said);
        assertFalse(said.contains("RLIMIT_MEMLOCK"), said);
    }

    @Test
    void aLibraryThatChangedInTheJarIsNotLoaded() throws IOException {
        for (String name : List.of(SODIUM, RUST)) {
            Path packed = Files.createDirectories(temporary.resolve(name + "/io/memguard/native/linux-x86_64"));
            byte[] library = Files.readAllBytes(LIBRARIES.resolve(name));
            library[library.length / 2] ^= 1;
            Files.write(packed.resolve(name), library);
            String classPath = temporary.resolve(name) + ":" + ChildJvm.classPath();
            assertFailsWith(name + " in the jar is damaged", run(classPath, List.of(), Opens.class));
        }
    }

    @Test
    void aTruncatedLibraryInTheJarIsNotLoaded() throws IOException {
        Path packed = Files.createDirectories(temporary.resolve("jar/io/memguard/native/linux-x86_64"));
        byte[] library = Files.readAllBytes(LIBRARIES.resolve(RUST));
        Files.write(packed.resolve(RUST), java.util.Arrays.copyOf(library, library.length / 2));
        String classPath = temporary.resolve("jar") + ":" + ChildJvm.classPath();
        assertFailsWith("in the jar is damaged", run(classPath, List.of(), Opens.class));
    }

    @Test
    void doctorFindsALibraryThatWasExchangedTogetherWithItsChecksum() throws IOException {
        Path packed = Files.createDirectories(temporary.resolve("jar/io/memguard/native/linux-x86_64"));
        byte[] library = Files.readAllBytes(LIBRARIES.resolve(RUST));
        byte[] other = java.util.Arrays.copyOf(library, library.length + 1); // The loader does not mind.
        Files.write(packed.resolve(RUST), other);
        var crc = new CRC32();
        crc.update(other);
        Files.writeString(
                packed.resolve("CRC32SUMS"),
                Files.readString(LIBRARIES.resolve("CRC32SUMS"))
                        .replaceFirst("[0-9a-f]{8}  " + RUST, "%08x  %s".formatted(crc.getValue(), RUST)));
        String classPath = temporary.resolve("jar") + ":" + ChildJvm.classPath();
        assertSays("opened", run(classPath, List.of(), Opens.class));
        assertSays(
                "PROBLEM " + RUST + " in the jar is not what was built",
                run(classPath, List.of(), DescribesLibrary.class));
        assertSays("OK loaded", run(ChildJvm.classPath(), List.of(), DescribesLibrary.class));
    }

    /** Says what doctor finds of the native library. */
    static final class DescribesLibrary {
        private DescribesLibrary() {}

        public static void main(String[] arguments) {
            Doctor.process(MemoryPolicy.REQUIRE_LOCKED).stream()
                    .filter(finding -> finding.subject().equals("native library"))
                    .forEach(finding -> System.out.println(finding.level() + " " + finding.observation()));
        }
    }

    @Test
    void aTemporaryDirectoryWithoutTheStickyBitIsRefused() throws IOException {
        Files.setPosixFilePermissions(unpacking, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertFailsWith("other users can replace files in " + unpacking, run());
        try (var left = Files.list(unpacking)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void aTemporaryDirectoryOfAnotherUserIsRefused() throws Exception {
        if (Posix.effectiveUser() != 0) {
            System.out.println(
                    "NOT TESTED without root: a temporary directory of another user (run scripts/test as root)");
            return;
        }
        Files.setAttribute(unpacking, "unix:uid", 65534);
        assertFailsWith("other users can replace files in " + unpacking, run());
    }

    @Test
    void aMissingTemporaryDirectoryIsNamedWithTheWayOut() throws IOException {
        Files.delete(unpacking);
        assertFailsWith("-Dmemguard.native.directory", run());
    }

    @Test
    void anotherDirectoryIsUsedByPropertyAndByEnvironment() throws IOException {
        copyLibraries();
        Files.delete(unpacking); // Nothing is unpacked.
        for (String setting : List.of(
                "MEMGUARD_NATIVE_DIRECTORY=" + other, "JDK_JAVA_OPTIONS=-Dmemguard.native.directory=" + other)) {
            String said = run("env", setting);
            assertSays("opened", said);
            assertSays(other.resolve(RUST).toString(), said);
            assertSays(other.resolve(SODIUM).toString(), said);
        }
    }

    @Test
    void readOnlyAndNoexecSystemsNameTheSettingThatHelps() throws Exception {
        if (Posix.effectiveUser() != 0) {
            System.out.println("NOT TESTED without root: read-only and noexec mounts (run scripts/test as root)");
            return;
        }
        copyLibraries();
        for (String option : List.of("ro", "noexec")) {
            command("mount", "-t", "tmpfs", "-o", option, "none", unpacking.toString());
            try {
                assertFailsWith("MEMGUARD_NATIVE_DIRECTORY", run());
                assertSays("opened", run("env", "MEMGUARD_NATIVE_DIRECTORY=" + other));
            } finally {
                command("umount", "--lazy", unpacking.toString());
            }
        }
    }

    private static void command(String... command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
    }

    @Test
    void aDistributionsOwnLibsodiumTakesThePlaceOfOurs() throws IOException {
        Path own = Files.copy(LIBRARIES.resolve(SODIUM), other.resolve("libsodium.so.26.3.0"));
        for (String setting :
                List.of("MEMGUARD_SODIUM_LIBRARY=" + own, "JDK_JAVA_OPTIONS=-Dmemguard.sodium.library=" + own)) {
            String said = run("env", setting);
            assertSays("opened", said);
            assertSays(own.toString(), said);
            assertFalse(said.contains(SODIUM + " (deleted)"), said);
        }
    }

    @Test
    void anOldLibsodiumIsRefused() throws IOException {
        Path old = Path.of("/usr/lib/x86_64-linux-gnu/libsodium.so.23");
        if (!Files.exists(old)) {
            System.out.println("NOT TESTED: a libsodium before 1.0.19 (Debian: apt-get install libsodium23)");
            return;
        }
        assertFailsWith("is older than libsodium 1.0.19", run("env", "MEMGUARD_SODIUM_LIBRARY=" + old));
    }

    @Test
    void aLibraryForALaterGlibcIsNamed() throws IOException {
        copyLibraries();
        byte[] library = Files.readAllBytes(other.resolve(RUST));
        String text = new String(library, StandardCharsets.ISO_8859_1);
        String later = text.replaceAll("GLIBC_2\\.(\\d\\d)", "GLIBC_9.$1");
        assertNotEquals(text, later);
        Files.write(other.resolve(RUST), later.getBytes(StandardCharsets.ISO_8859_1));
        assertFailsWith("the C library is too old: run on", run("env", "MEMGUARD_NATIVE_DIRECTORY=" + other));
    }

    /** A real JVM on the real musl: it is loaded by musl's dynamic linker, with the few functions that musl lacks. */
    @Test
    void muslIsNamed() throws Exception {
        Path linker = Path.of(System.getenv().getOrDefault("MEMGUARD_UNPACKED", "/"), "lib/ld-musl-x86_64.so.1");
        if (!Files.exists(linker)) {
            System.out.println("NOT TESTED: another C library (Debian: apt-get install musl)");
            return;
        }
        Path names = other.resolve("ld-linux-x86-64.so.2");
        command("cc", "-shared", "-fPIC", "-nostdlib", "-o", names.toString(), "src/test/native/glibc-names.c");
        Path home = Path.of(System.getProperty("java.home"));
        String path = home.resolve("lib") + ":" + home.resolve("lib/server") + ":" + other;
        // Class data is not shared with the JVM of the other C library.
        String said = run(
                "env",
                "--unset=LD_LIBRARY_PATH",
                "JDK_JAVA_OPTIONS=-Xshare:off",
                linker.toString(),
                "--library-path",
                path,
                "--preload",
                names.toString());
        assertFailsWith("the C library is not glibc (musl?); run on a distribution with glibc 2.31 or later", said);
    }

    @Test
    void otherProcessorsAreNamedInOneLine() throws IOException {
        for (String processor : List.of("aarch64", "arm", "i386", "x86")) {
            assertFailsWith(
                    "no native library for Linux " + processor + "; this version runs on Linux x86_64",
                    run("env", "JDK_JAVA_OPTIONS=-Dos.arch=" + processor));
        }
    }

    /** Java links each shape of call anew, for 7 ms; all calls but those of a hot read share one. */
    @Test
    void aStoreIsMadeWrittenAndReadThroughFourShapesOfCallsAtMost() throws IOException {
        Path classes = temporary.resolve("classes");
        assertSays("opened", run("env", "JAVA_TOOL_OPTIONS=-Xlog:class+load:file=" + classes));
        long shapes = Files.readAllLines(classes).stream()
                .filter(line -> line.contains("jdk.internal.foreign.abi.DowncallStub/"))
                .count();
        assertTrue(shapes > 0 && shapes <= 4, () -> "shapes: " + shapes);
    }

    /** Opens a store, and says which libraries the process has. */
    static final class Opens {
        private Opens() {}

        public static void main(String[] arguments) throws IOException {
            try {
                open(Path.of(arguments[0]));
                System.out.println("opened");
            } catch (MemGuardException e) {
                System.out.println(e.code() + " " + e.getMessage());
            }
            mappings().forEach(System.out::println);
        }

        static void open(Path store) {
            try (var guard = MemGuard.at(store)
                            .keys(SoftwareKeys.passphrase(() -> Secrets.text("correct horse"))
                                    .cost(1, 8 << 20))
                            .open();
                    var value = Secrets.text("value")) {
                guard.store("name", value);
                assertEquals("value", guard.<String, RuntimeException>read("name", Secrets::text));
            }
        }

        /** Device, inode and path of each library of ours that is mapped. */
        static List<String> mappings() throws IOException {
            try (var lines = Files.lines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1)) {
                return lines.filter(line -> line.contains("libmemguard_ffi") || line.contains("libsodium"))
                        .map(line -> line.split(" +", 4)[3])
                        .distinct()
                        .toList();
            }
        }
    }

    /** Eight class loaders, each with this library in it, at the same time. */
    static final class ManyClassLoaders {
        private ManyClassLoaders() {}

        public static void main(String[] arguments) throws Exception {
            var urls = new ArrayList<URL>();
            for (String entry : System.getProperty("java.class.path").split(":")) {
                if (!entry.isEmpty()) {
                    urls.add(Path.of(entry).toUri().toURL());
                }
            }
            var loaders = new ArrayList<ClassLoader>();
            var tasks = new ArrayList<Callable<Void>>();
            for (int i = 0; i < 8; i++) {
                Path store = Path.of(arguments[0] + i);
                var loader = new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
                loaders.add(loader);
                tasks.add(() -> {
                    var open = loader.loadClass(Opens.class.getName()).getDeclaredMethod("open", Path.class);
                    open.setAccessible(true);
                    open.invoke(null, store);
                    return null;
                });
            }
            try (var threads = Executors.newFixedThreadPool(8)) {
                for (var done : threads.invokeAll(tasks)) {
                    done.get();
                }
            }
            System.out.println(loaders.size() + " class loaders");
            for (String name : List.of(RUST, SODIUM)) {
                var files = Opens.mappings().stream()
                        .filter(line -> line.contains(name))
                        .collect(Collectors.toSet());
                System.out.println(name + " is mapped from " + files.size() + " file");
            }
        }
    }
}
