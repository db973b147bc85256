package io.memguard.doctor;

import io.memguard.MemGuardException;
import io.memguard.MemoryPolicy;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.memory.SealedCache;
import io.memguard.memory.Windows;
import io.memguard.os.ResourceLimits;
import java.util.ArrayList;
import java.util.List;

/** The memory that secrets are in while they are used. */
final class MemoryChecks {
    private static final long DEFAULT_MAP_COUNT = 65_530; // DEFAULT_MAX_MAP_COUNT of the kernel
    private static final int CAP_IPC_LOCK = 14; // capabilities(7)
    private static final long[] SIZES = {5_000_000, 1_000_000, 64 << 10, 4 << 10};
    private static final String RAISE = "ulimit -l 8192 (memlock in /etc/security/limits.conf), LimitMEMLOCK=8M in the"
            + " systemd unit, --ulimit memlock=8388608 of the container";

    private MemoryChecks() {}

    static List<Finding> all(Machine machine, MemoryPolicy policy) {
        var findings = new ArrayList<Finding>();
        if (NativeLibraries.isLoaded()) {
            boolean required = policy == MemoryPolicy.REQUIRE_LOCKED;
            findings.add(protection(required));
            findings.add(limit(machine, required));
        }
        findings.add(mapCount(machine));
        return findings;
    }

    /** Whether the process key is in memory that only this process can map. */
    static boolean usesSecretMemory() {
        try {
            return NativeLibraries.isLoaded() && kind() == SealedCache.MEMFD_SECRET;
        } catch (MemGuardException e) {
            return false; // Said by the finding on protected memory.
        }
    }

    /** Windows need one; a process that requires locked memory has none where nothing can be locked, whatever is asked about. */
    private static boolean hasKey() {
        try {
            return kind() >= 0;
        } catch (MemGuardException e) {
            return false; // Said by the finding on protected memory.
        }
    }

    private static int kind() {
        try (var cache = SealedCache.create()) {
            return cache.usage().memoryKind();
        }
    }

    private static Finding protection(boolean required) {
        int kind;
        try {
            kind = kind();
        } catch (MemGuardException e) {
            return required ? Finding.of(Finding.Level.PROBLEM, "protected memory", e) : unlocked();
        }
        return switch (kind) {
            case SealedCache.MEMFD_SECRET ->
                Finding.ok("protected memory", "memfd_secret(2): not even root can read it from outside");
            case SealedCache.LOCKED ->
                Finding.advice(
                        "protected memory",
                        "locked memory, not memfd_secret(2): root can read it through /proc/PID/mem",
                        "Linux 6.5 or later, or secretmem.enable=1 on the kernel's command line (5.14 and later); allow"
                                + " memfd_secret in the container's seccomp profile; don't set -D"
                                + SealedCache.MEMFD_SECRET_PROPERTY + "=false");
            default -> unlocked();
        };
    }

    private static Finding unlocked() {
        return Finding.advice("protected memory", "not locked, by choice (BEST_EFFORT): it may reach the swap", RAISE);
    }

    /** By trying, since what a value needs depends on the kind of memory, and on what else is locked. */
    private static Finding limit(Machine machine, boolean required) {
        boolean hasKey = hasKey();
        var limit = ResourceLimits.lockedMemoryLimit();
        String what = text(limit.soft())
                + (limit.hard() == limit.soft() ? "" : ", may be raised to " + text(limit.hard()))
                + (mayLockAnyway(machine) ? ", does not bind this process (CAP_IPC_LOCK)" : "");
        for (long size : SIZES) {
            if (hasKey && lends(size)) {
                String lends = what + ": a value of " + size + " bytes can be used";
                return size == SIZES[0]
                        ? Finding.ok("locked memory limit", lends)
                        : Finding.advice("locked memory limit", lends + ", not more", RAISE);
            }
        }
        return required
                ? Finding.problem("locked memory limit", what + ": no value can be used", RAISE)
                : Finding.advice("locked memory limit", what + ": values are used in memory that is not locked", RAISE);
    }

    private static boolean lends(long size) {
        try {
            return PlaintextBuffer.<Boolean, RuntimeException>lend(size, memory -> true);
        } catch (MemGuardException e) {
            return false;
        } finally {
            Windows.trim();
        }
    }

    private static boolean mayLockAnyway(Machine machine) {
        return machine.lines("proc/self/status").stream()
                .flatMap(List::stream)
                .filter(line -> line.startsWith("CapEff:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) >> CAP_IPC_LOCK & 1) == 1);
    }

    private static String text(long bytes) {
        return bytes == ResourceLimits.UNLIMITED ? "unlimited" : bytes / 1024 + " KiB";
    }

    static Finding mapCount(Machine machine) {
        long most = machine.number("proc/sys/vm/max_map_count").orElse(DEFAULT_MAP_COUNT);
        long used = machine.lines("proc/self/maps").map(List::size).orElse(0);
        String what = used + " mappings of " + most + " (vm.max_map_count)";
        return most >= DEFAULT_MAP_COUNT
                ? Finding.ok("mappings", what)
                : Finding.advice(
                        "mappings",
                        what + ", fewer than the kernel's default",
                        "sysctl -w vm.max_map_count=" + DEFAULT_MAP_COUNT);
    }
}
