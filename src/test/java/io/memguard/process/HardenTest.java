package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemoryPolicy;
import io.memguard.Secrets;
import io.memguard.doctor.Doctor;
import io.memguard.doctor.Finding;
import io.memguard.keys.SecretSources;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a process that was hardened refuses to others of its user, and an equal one that was not allows. */
class HardenTest {
    private static final String NOBODY = "65534";

    private static final int REFUSED = 3;

    /** As a debugger begins; ends with 0 where it was let in, with 3 where not. */
    private static final String PTRACE = """
            import ctypes, sys
            libc, pid = ctypes.CDLL(None), int(sys.argv[1])
            PTRACE_ATTACH, PTRACE_DETACH = 16, 17
            sys.exit(3 if libc.ptrace(PTRACE_ATTACH, pid, None, None) else 0)
            """;

    private Path open;
    private final List<String> asUser = new ArrayList<>();

    /** A place that another user can read, with this build in it: root is shut out of nothing. */
    @BeforeEach
    void copyForTheOtherUser() throws IOException {
        open = Files.createTempDirectory("memguard-harden");
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
        if (Posix.effectiveUser() == 0) {
            Files.setAttribute(open, "unix:uid", Integer.parseInt(NOBODY));
            asUser.addAll(List.of("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"));
        }
    }

    @AfterEach
    void remove() throws IOException {
        try (Stream<Path> all = Files.walk(open)) {
            all.sorted(java.util.Comparator.reverseOrder())
                    .forEach(file -> file.toFile().delete());
        }
    }

    private ChildJvm start(String task) throws IOException {
        var classPath = new ArrayList<String>();
        for (String entry :
                Arrays.stream(ChildJvm.classPath().split(":")).distinct().toList()) {
            Path to = open.resolve("cp" + classPath.size());
            if (!entry.isEmpty() && Files.exists(Path.of(entry))) {
                if (!Files.exists(to)) {
                    LimitsTest.copy(Path.of(entry), to);
                }
                classPath.add(to.toString());
            }
        }
        var before = new ArrayList<>(asUser);
        before.addAll(List.of("env", "-C", open.toString()));
        before.addAll(List.of("bash", "-c", "ulimit -S -c $(ulimit -H -c); exec \"$@\" 5<<<'from a descriptor'", "-"));
        return ChildJvm.start(
                String.join(":", classPath),
                Task.class,
                before,
                List.of(task, open.resolve(task).toString()));
    }

    private boolean mayTrace(ChildJvm child) throws Exception {
        // The system's own python, which the other user may run.
        int status = run("env", "PATH=/usr/bin:/bin", "python3", "-c", PTRACE, Long.toString(child.pid()));
        assertTrue(status == 0 || status == REFUSED, "the attempt itself failed");
        return status == 0;
    }

    private boolean reads(ChildJvm child, String file) throws Exception {
        return runs("head", "-c", "1", "/proc/" + child.pid() + "/" + file);
    }

    private boolean runs(String... command) throws Exception {
        return run(command) == 0;
    }

    private int run(String... command) throws Exception {
        var whole = new ArrayList<>(asUser);
        whole.addAll(List.of(command));
        var process = new ProcessBuilder(whole).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        System.out.println(String.join(" ", command).lines().findFirst().orElse("") + ": " + status + " "
                + said.lines().findFirst().orElse(""));
        return status;
    }

    @Test
    void noDebuggerAndNoCoreDumpOfTheSameUser() throws Exception {
        try (var plain = start("plain");
                var hardened = start("hardened")) {
            plain.expect("ready, hardened false");
            hardened.expect("ready, hardened true");
            if (reads(plain, "environ")) {
                assertFalse(reads(hardened, "environ"));
                assertFalse(reads(hardened, "maps"));
            } else {
                System.out.println("NOT TESTED: /proc of the same user, which this machine hides anyway");
            }
            assertTrue(
                    runs(
                            Path.of(System.getProperty("java.home"), "bin", "jcmd")
                                    .toString(),
                            Long.toString(hardened.pid()),
                            "VM.version"),
                    "as documented, the attach mechanism has a switch of its own");
            if (mayTrace(plain)) {
                assertFalse(mayTrace(hardened));
            } else {
                System.out.println("NOT TESTED: ptrace, which this machine refuses anyway (kernel.yama.ptrace_scope)");
            }
            for (var child : List.of(plain, hardened)) {
                assertTrue(runs("kill", "-KILL", Long.toString(child.pid())));
            }
        }
    }

    @Test
    void anAbortLeavesNoCore() throws Exception {
        assertFalse(leavesCore("hardened"));
        if (!leavesCore("plain")) {
            System.out.println("NOT PROVEN: this machine writes no cores into the working directory (ulimit -H -c,"
                    + " kernel.core_pattern)");
        }
    }

    private boolean leavesCore(String task) throws Exception {
        try (var child = start(task)) {
            child.expect("ready, hardened " + task.equals("hardened"));
            assertTrue(runs("kill", "-ABRT", Long.toString(child.pid())));
            child.rest();
            child.exitCode();
        }
        try (Stream<Path> files = Files.list(open)) {
            return files.anyMatch(file -> file.getFileName().toString().startsWith("core"));
        }
    }

    /** Its files in {@code /proc} are root's now: all that the library reads there must still be open to it. */
    @Test
    void aHardenedServiceWorks() throws Exception {
        try (var child = start("working")) {
            child.expect("works");
            child.send("end");
            assertEquals("", child.rest());
            assertEquals(0, child.exitCode());
        }
    }

    /** What the other user's JVM does. */
    static final class Task {
        private Task() {}

        public static void main(String[] arguments) throws IOException {
            if (!arguments[0].equals("plain")) {
                MemGuard.hardenProcess();
                MemGuard.hardenProcess();
            }
            try (var guard = MemGuard.at(Path.of(arguments[1]))
                    .keys(new FixedKeys(1))
                    .policy(MemoryPolicy.BEST_EFFORT)
                    .open()) {
                if (arguments[0].equals("working")) {
                    work(guard);
                } else {
                    System.out.println("ready, hardened " + guard.memoryUsage().hardened());
                }
                System.in.read();
            }
        }

        private static void work(MemGuard guard) throws IOException {
            try (var value = SecretSources.descriptor(5).read()) {
                guard.store("a", value);
            }
            check(guard.read("a", Secrets::text).equals("from a descriptor"), "the descriptor's text");
            check(guard.stats().toMap().size() == 8, "eight keys");
            check(guard.memoryUsage().hardened(), "hardened");
            var findings = Doctor.process(MemoryPolicy.BEST_EFFORT);
            for (String subject : List.of("dumpable", "ptrace", "core dumps")) {
                check(
                        findings.stream()
                                .anyMatch(finding -> finding.subject().equals(subject)
                                        && finding.remedy().isEmpty()
                                        && finding.level() == Finding.Level.OK),
                        subject);
            }
            check(
                    findings.stream()
                            .noneMatch(finding -> finding.subject().equals("mappings")
                                    && finding.observation().startsWith("0 ")),
                    "the maps are read");
            System.out.println("works");
        }

        private static void check(boolean claim, String what) {
            if (!claim) {
                throw new AssertionError(what);
            }
        }
    }
}
