package io.memguard.doctor;

import io.memguard.os.ProcessFlags;
import io.memguard.os.ResourceLimits;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Optional;

/** How memory gets onto a disk: swap, hibernation, core dumps, crash files. */
final class DiskChecks {
    private static final String ERROR_FILE = "-XX:ErrorFile=";

    private DiskChecks() {}

    static List<Finding> all(Machine machine) {
        return List.of(
                swap(machine),
                hibernation(machine, MemoryChecks.usesSecretMemory()),
                ProcessFlags.isDumpable()
                        ? core(machine, ResourceLimits.coreDump().soft())
                        : Finding.ok("core dumps", "none: this process is not dumpable"),
                crashFile(errorFile()));
    }

    /** Where the JVM writes its crash file; empty where it was not told. */
    private static String errorFile() {
        return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> argument.startsWith(ERROR_FILE))
                .reduce("", (before, last) -> last.substring(ERROR_FILE.length()));
    }

    /** The JVM reads protected memory where a register points into it, whichever thread it was lent to. */
    static Finding crashFile(String errorFile) {
        return errorFile.equals("/dev/null")
                ? Finding.ok("crash file", "none (" + ERROR_FILE + "/dev/null)")
                : Finding.advice(
                        "crash file",
                        "written to " + (errorFile.isEmpty() ? "the working directory (hs_err_pid*.log)" : errorFile)
                                + " where the JVM crashes: of a value that native code has at that moment, it shows some"
                                + " bytes",
                        "start Java with " + ERROR_FILE + "/dev/null");
    }

    static Finding swap(Machine machine) {
        List<String> areas = machine.lines("proc/swaps").orElse(List.of()).stream()
                .skip(1)
                .map(line -> line.split("\\s", 2)[0])
                .toList();
        List<String> plain =
                areas.stream().filter(area -> !isProtected(machine, area)).toList();
        if (plain.isEmpty()) {
            return Finding.ok("swap", areas.isEmpty() ? "none" : "encrypted or in memory only");
        }
        return Finding.advice(
                "swap",
                String.join(", ", plain) + ": secrets are locked and never go there, but what the service makes of them"
                        + " (a String on the heap) may",
                "swapoff " + String.join(" ", plain) + ", or encrypt it (crypttab(5), option swap)");
    }

    /** On dm-crypt, or compressed in memory. */
    private static boolean isProtected(Machine machine, String area) {
        String device = area.substring(area.lastIndexOf('/') + 1);
        return area.startsWith("/dev/zram")
                || machine.line("sys/class/block/" + device + "/dm/uuid")
                        .filter(uuid -> uuid.startsWith("CRYPT-"))
                        .isPresent();
    }

    static Finding hibernation(Machine machine, boolean secretMemory) {
        boolean possible = machine.line("sys/power/state").orElse("").contains("disk")
                && !machine.line("sys/power/disk").orElse("").contains("[disabled]");
        if (secretMemory) {
            return Finding.ok("hibernation", "refused by the kernel as long as memfd_secret(2) memory is in use");
        }
        return possible
                ? Finding.advice(
                        "hibernation",
                        "possible: it writes all memory to the disk, locked or not",
                        "systemctl mask hibernate.target hybrid-sleep.target suspend-then-hibernate.target")
                : Finding.ok("hibernation", "not possible on this machine");
    }

    /** Protected memory is left out of dumps; the heap and the stacks of the service are not. See core(5). */
    static Finding core(Machine machine, long limit) {
        Optional<String> pattern = machine.line("proc/sys/kernel/core_pattern");
        if (pattern.isPresent() && pattern.get().startsWith("|")) {
            String program = pattern.get().substring(1).split(" ", 2)[0];
            return Finding.advice(
                    "core dumps",
                    "go to " + program + " whatever the limit; secrets are not in them, the heap is",
                    "sysctl -w kernel.core_pattern=core, and ulimit -c 0 (LimitCORE=0 in the systemd unit)");
        }
        return limit == 0
                ? Finding.ok("core dumps", "none (limit 0)")
                : Finding.advice(
                        "core dumps",
                        "written to " + pattern.orElse("core") + "; secrets are not in them, the heap is",
                        "ulimit -c 0, LimitCORE=0 in the systemd unit");
    }
}
