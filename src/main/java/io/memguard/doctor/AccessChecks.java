package io.memguard.doctor;

import io.memguard.memory.NativeLibraries;
import io.memguard.os.ProcessFlags;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** How others get into this process: debuggers, agents, files planted where it loads them from. */
final class AccessChecks {
    private AccessChecks() {}

    static List<Finding> all(Machine machine) {
        boolean dumpable = ProcessFlags.isDumpable();
        return List.of(
                dumpable ? ptrace(machine) : Finding.ok("ptrace", "this process is not dumpable: root only"),
                dumpable(dumpable),
                attach(ManagementFactory.getRuntimeMXBean().getInputArguments()),
                temporary(machine, Path.of(System.getProperty("java.io.tmpdir", "/tmp"))));
    }

    static Finding ptrace(Machine machine) {
        Optional<Long> scope = machine.number("proc/sys/kernel/yama/ptrace_scope");
        if (scope.isEmpty()) {
            return Finding.advice(
                    "ptrace",
                    "this kernel has no Yama: any process of the same user may debug this one",
                    "run the service as a user of its own");
        }
        return scope.get() > 0
                ? Finding.ok("ptrace", "restricted (ptrace_scope " + scope.get() + ")")
                : Finding.advice(
                        "ptrace",
                        "ptrace_scope is 0: any process of the same user may debug this one",
                        "sysctl -w kernel.yama.ptrace_scope=1");
    }

    private static Finding dumpable(boolean dumpable) {
        return Finding.ok(
                "dumpable",
                dumpable
                        ? "yes: core limit and ptrace_scope say who may look into it (a service: MemGuard.hardenProcess())"
                        : "no: no core dumps, and only root may look into this process");
    }

    static Finding attach(List<String> options) {
        boolean disabled = options.stream()
                .filter(option -> option.endsWith("DisableAttachMechanism"))
                .reduce((earlier, later) -> later)
                .filter(option -> option.startsWith("-XX:+"))
                .isPresent();
        return disabled
                ? Finding.ok("attach mechanism", "disabled")
                : Finding.advice(
                        "attach mechanism",
                        "enabled: jcmd and agents of the same user get into this JVM",
                        "java -XX:+DisableAttachMechanism …");
    }

    static Finding temporary(Machine machine, Path directory) {
        String subject = "temporary directory";
        if (!Files.isDirectory(directory) || !Files.isWritable(directory)) {
            return Finding.problem(
                    subject,
                    directory + " can't be written: the native libraries can't be unpacked from the jar",
                    remedy("create it"));
        }
        try {
            int mode = (int) Files.getAttribute(directory, "unix:mode");
            if ((mode & 0002) != 0 && (mode & 01000) == 0) {
                return Finding.problem(
                        subject, directory + " lets any user replace the files of others", "chmod +t " + directory);
            }
            if (isNoexec(machine, directory.toRealPath())) {
                return Finding.advice(
                        subject,
                        directory + " is mounted noexec: native libraries can't be loaded out of it",
                        remedy("mount it without noexec"));
            }
        } catch (IOException e) {
            return Finding.problem(subject, directory + " can't be checked", remedy("fix its permissions"));
        }
        return Finding.ok(subject, directory.toString());
    }

    private static String remedy(String first) {
        return first + ", or set -Djava.io.tmpdir or -D" + NativeLibraries.DIRECTORY_PROPERTY;
    }

    /** By the options of the mount that the directory is in; proc_pid_mountinfo(5). */
    private static boolean isNoexec(Machine machine, Path directory) {
        return machine.lines("proc/self/mountinfo").stream()
                .flatMap(List::stream)
                .map(line -> line.split(" "))
                .filter(fields -> directory.startsWith(Path.of(fields[4].replace("\\040", " "))))
                .reduce((one, other) -> other[4].length() >= one[4].length() ? other : one) // The last one is on top.
                .filter(fields -> List.of(fields[5].split(",")).contains("noexec"))
                .isPresent();
    }
}
