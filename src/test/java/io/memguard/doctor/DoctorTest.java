package io.memguard.doctor;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemoryPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is found on this machine, and on others by the files that their kernels have. */
class DoctorTest {
    @TempDir
    Path root;

    private Machine machine(String... filesAndContents) throws IOException {
        for (int i = 0; i < filesAndContents.length; i += 2) {
            Path file = root.resolve(filesAndContents[i]);
            Files.createDirectories(file.getParent());
            Files.writeString(file, filesAndContents[i + 1]);
        }
        return new Machine(root);
    }

    private static void assertFinding(Finding.Level level, String observation, String remedy, Finding finding) {
        assertEquals(level, finding.level(), finding.toString());
        assertTrue(finding.observation().contains(observation), finding.toString());
        assertTrue(finding.remedy().contains(remedy), finding.toString());
    }

    @Test
    void thisMachineIsLookedAtFromEachSideAndWhatIsNotOkSaysHowToFixIt() {
        List<Finding> findings = Doctor.process(MemoryPolicy.REQUIRE_LOCKED);
        assertEquals(
                Set.of(
                        "platform",
                        "c library",
                        "java",
                        "native access",
                        "native library",
                        "libsodium",
                        "protected memory",
                        "locked memory limit",
                        "mappings",
                        "swap",
                        "hibernation",
                        "core dumps",
                        "crash file",
                        "ptrace",
                        "dumpable",
                        "attach mechanism",
                        "temporary directory"),
                findings.stream().map(Finding::subject).collect(Collectors.toSet()));
        for (Finding finding : findings) {
            assertEquals(finding.level() == Finding.Level.OK, finding.remedy().isEmpty(), finding.toString());
        }
    }

    @Test
    void anOldOrAnotherCLibraryIsAProblem() {
        assertFinding(Finding.Level.OK, "2.31", "", PlatformChecks.glibc(Optional.of("2.31")));
        assertFinding(Finding.Level.OK, "3.0", "", PlatformChecks.glibc(Optional.of("3.0")));
        assertFinding(Finding.Level.PROBLEM, "too old", "2.31", PlatformChecks.glibc(Optional.of("2.28")));
        assertFinding(Finding.Level.PROBLEM, "musl", "2.31", PlatformChecks.glibc(Optional.empty()));
    }

    @Test
    void plainSwapIsAdviceAndEncryptedSwapIsNot() throws IOException {
        String head = "Filename\tType\tSize\tUsed\tPriority\n";
        assertFinding(Finding.Level.OK, "none", "", DiskChecks.swap(machine("proc/swaps", head)));
        var both = machine(
                "proc/swaps",
                head + "/dev/dm-1 partition 1000 0 -2\n/dev/zram0 partition 1000 0 100\n",
                "sys/class/block/dm-1/dm/uuid",
                "CRYPT-PLAIN-swap\n");
        assertFinding(Finding.Level.OK, "encrypted", "", DiskChecks.swap(both));
        var plain = machine("proc/swaps", head + "/dev/dm-2 partition 1000 0 -2\n/swapfile file 1000 0 -3\n");
        assertFinding(Finding.Level.ADVICE, "/dev/dm-2, /swapfile", "swapoff /dev/dm-2", DiskChecks.swap(plain));
    }

    @Test
    void hibernationIsAdviceUnlessSecretMemoryForbidsIt() throws IOException {
        var laptop = machine("sys/power/state", "freeze mem disk\n", "sys/power/disk", "[platform] shutdown\n");
        assertFinding(Finding.Level.ADVICE, "possible", "systemctl mask", DiskChecks.hibernation(laptop, false));
        assertFinding(Finding.Level.OK, "refused", "", DiskChecks.hibernation(laptop, true));
        var locked = machine("sys/power/state", "freeze mem disk\n", "sys/power/disk", "[disabled]\n");
        assertFinding(Finding.Level.OK, "not possible", "", DiskChecks.hibernation(locked, false));
    }

    @Test
    void coresThatAreWrittenAreAdvice() throws IOException {
        var file = machine("proc/sys/kernel/core_pattern", "/var/core/%p\n");
        assertFinding(Finding.Level.OK, "none", "", DiskChecks.core(file, 0));
        assertFinding(Finding.Level.ADVICE, "/var/core/%p", "ulimit -c 0", DiskChecks.core(file, -1));
        var pipe = machine("proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n");
        assertFinding(Finding.Level.ADVICE, "systemd-coredump", "sysctl -w", DiskChecks.core(pipe, 0));
    }

    @Test
    void aCrashFileThatIsWrittenIsAdvice() {
        assertFinding(Finding.Level.OK, "none", "", DiskChecks.crashFile("/dev/null"));
        assertFinding(Finding.Level.ADVICE, "hs_err_pid", "-XX:ErrorFile=/dev/null", DiskChecks.crashFile(""));
        assertFinding(Finding.Level.ADVICE, "/var/log/x", "-XX:ErrorFile=", DiskChecks.crashFile("/var/log/x"));
    }

    @Test
    void fewMappingsAreAdvice() throws IOException {
        assertFinding(
                Finding.Level.ADVICE,
                "of 1000",
                "sysctl -w vm.max_map_count=65530",
                MemoryChecks.mapCount(machine("proc/sys/vm/max_map_count", "1000\n")));
    }

    @Test
    void debuggersAndAgentsAreAdvice() throws IOException {
        assertFinding(Finding.Level.ADVICE, "no Yama", "user of its own", AccessChecks.ptrace(machine()));
        String scope = "proc/sys/kernel/yama/ptrace_scope";
        assertFinding(Finding.Level.ADVICE, "0", "sysctl -w", AccessChecks.ptrace(machine(scope, "0\n")));
        assertFinding(Finding.Level.OK, "1", "", AccessChecks.ptrace(machine(scope, "1\n")));
        assertFinding(Finding.Level.ADVICE, "enabled", "-XX:+", AccessChecks.attach(List.of("-Xmx1g")));
        String off = "-XX:+DisableAttachMechanism";
        assertFinding(Finding.Level.OK, "disabled", "", AccessChecks.attach(List.of(off, "-Xmx1g")));
        assertFinding(
                Finding.Level.ADVICE,
                "enabled",
                "-XX:+",
                AccessChecks.attach(List.of(off, "-XX:-DisableAttachMechanism")));
    }

    @Test
    void aTemporaryDirectoryMustBeWritableExecutableAndSafe() throws IOException {
        Path directory = Files.createDirectory(root.resolve("tmp dir"));
        String mounts = "1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / " + root.toRealPath() + " rw,noexec - tmpfs x rw\n";
        var noexec = machine("proc/self/mountinfo", mounts);
        assertFinding(Finding.Level.ADVICE, "noexec", "-Djava.io.tmpdir", AccessChecks.temporary(noexec, directory));
        String over = "3 2 0:3 / " + root.toRealPath() + "/tmp\\040dir rw - tmpfs x rw\n";
        var mountedOver = machine("proc/self/mountinfo", mounts + over);
        assertFinding(Finding.Level.OK, "tmp dir", "", AccessChecks.temporary(mountedOver, directory));
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertFinding(Finding.Level.PROBLEM, "any user", "chmod +t", AccessChecks.temporary(mountedOver, directory));
        assertFinding(
                Finding.Level.PROBLEM,
                "can't be written",
                "java.io.tmpdir",
                AccessChecks.temporary(mountedOver, root.resolve("absent")));
    }
}
