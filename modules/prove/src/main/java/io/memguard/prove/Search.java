package io.memguard.prove;

import io.memguard.keys.pkcs11.TokenDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Looks into each place of a child that has stopped in a phase. */
final class Search {
    static final String CONTROL_MISSING = "what was planted was not found";

    private static final int MAX_HITS = 20;
    private static final long MAX_CORE = 8L << 30;
    private static final String LOCKED_WINDOW =
            "in a locked page outside of swap and core dumps, for as long as it is used; root can read it";
    private static final String REGISTERS =
            "in the registers of a thread that worked with it at this moment; MemGuard.hardenProcess() ends core dumps";

    private static final String CRASH_FILE =
            "8 bytes for each register and each word of the stack that points into what native code was lent, and vector"
                    + " registers: start the JVM with -XX:ErrorFile=/dev/null";

    private static final String TOKEN_AT_WORK =
            "in memory of the token's library, which encrypts in this process; a real HSM or TPM does not";

    private final SubjectJvm child;
    private final Phase phase;
    private final boolean tokenAtWork;
    private final CanaryMatcher matcher;
    private final Path captures;
    private @Nullable Findings ofMemory;

    /** @param direct whether a token's library works with values itself, under load */
    Search(SubjectJvm child, Phase phase, Canaries canaries, boolean direct) {
        this.child = child;
        this.phase = phase;
        this.tokenAtWork = direct && phase == Phase.LOAD;
        this.matcher = canaries.matcher();
        this.captures = child.work().resolve("captures");
    }

    /** What one look brought: a result, and everything that was found. */
    record Look(Result result, List<Match> onHeap, List<Match> held) {
        static Look of(Result result) {
            return new Look(result, List.of(), List.of());
        }
    }

    Look at(Place place) throws IOException, InterruptedException {
        try {
            return switch (place) {
                case MEMORY, SWAPPABLE -> look(place, memory());
                case SECRET_MEMORY -> Look.of(secretMemory());
                case FULL_DUMP -> heapDump(place, "-all");
                case LIVE_DUMP -> heapDump(place);
                case GCORE -> gcore();
                case FLIGHT_RECORDING -> recording();
                case THREAD_DUMP -> threadDump();
                case JMX -> traffic();
                case LOGS -> files(place, child.log());
                case STORE -> files(place, child.work().resolve("store"));
                case TEMPORARY -> temporary();
                case COMMAND_LINE -> commandLine();
                case CORE -> core();
                case HS_ERR -> files(place, child.work().resolve("hs_err.log"));
            };
        } catch (Unavailable e) {
            return Look.of(Result.notProven(place, phase, String.valueOf(e.getMessage())));
        }
    }

    /** It is stopped during the search, so that a load takes no time from the search. */
    private Look files(Place place, Path... roots) throws IOException {
        try (var stopped = child.pause()) {
            if (!stopped.isValid() && !place.needsCrash()) {
                throw new IOException("the JVM under test has died; see its hs_err file");
            }
            var findings = new Findings(matcher);
            for (Path root : roots) {
                findings.addFiles(root);
            }
            return look(place, findings);
        }
    }

    /** A dump is searched and removed. */
    private Look dump(Place place, Path file) throws IOException {
        try {
            return files(place, file);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** The registers of all threads are in it apart from their memory. */
    private Look coreDump(Place place, Path file) throws IOException {
        try (var stopped = child.pause()) {
            if (!stopped.isValid() && !place.needsCrash()) {
                throw new IOException("the JVM under test has died; see its hs_err file");
            }
            var findings = new Findings(matcher);
            CoreFile.search(file, findings);
            return look(place, findings);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private Look look(Place place, Findings findings) {
        List<Match> open = findings.of(Canary.Kind.SECRET, Findings.Protection.NONE);
        var secrets = new ArrayList<>(open);
        if (place != Place.SWAPPABLE) {
            secrets.addAll(findings.of(Canary.Kind.SECRET, Findings.Protection.LOCKED));
        }
        List<Match> heldOpen = findings.of(Canary.Kind.HELD, Findings.Protection.NONE);
        secrets.addAll(heldOpen);
        List<Match> registers = new ArrayList<>(findings.of(Canary.Kind.SECRET, Findings.Protection.REGISTERS));
        registers.addAll(findings.of(Canary.Kind.HELD, Findings.Protection.REGISTERS));
        secrets.addAll(registers);
        List<Match> held = findings.of(Canary.Kind.HELD, Findings.Protection.LOCKED);
        List<Match> onHeap = new ArrayList<>(findings.of(Canary.Kind.ON_HEAP, Findings.Protection.NONE));
        List<Match> shown = secrets.subList(0, Math.min(MAX_HITS, secrets.size()));
        boolean inUse = phase == Phase.BORROW || phase == Phase.LOAD;
        Verdict verdict;
        String note = "";
        Optional<PositiveControl> missing = place.controls().stream()
                .filter(control -> !findings.has(control))
                .findFirst();
        boolean ofToken = tokenAtWork && place.isMemory() && !open.isEmpty();
        boolean ofCrash = place == Place.HS_ERR
                && phase == Phase.BORROW
                && open.stream().map(Match::canary).allMatch(Workload.LENT::contains);
        if ((!open.isEmpty() && !ofToken && !ofCrash) || !heldOpen.isEmpty() || (!secrets.isEmpty() && !inUse)) {
            verdict = Verdict.LEAKED;
        } else if (missing.isPresent()) {
            verdict = Verdict.NOT_PROVEN;
            note = CONTROL_MISSING + " (" + missing.get().canary() + ") in " + findings.bytes() + " bytes";
        } else if (!secrets.isEmpty()) {
            verdict = Verdict.EXCEPTION;
            note = ofCrash ? CRASH_FILE : ofToken ? TOKEN_AT_WORK : registers.isEmpty() ? LOCKED_WINDOW : REGISTERS;
        } else {
            verdict = Verdict.CLEAN;
        }
        return new Look(new Result(place, phase, verdict, List.copyOf(shown), note, findings.bytes()), onHeap, held);
    }

    /** Mappings come and go while it runs: it stands still as long as they are read. */
    private Findings memory() throws IOException, Unavailable {
        Findings known = ofMemory;
        if (known != null) {
            return known;
        }
        try (var memory = processMemory();
                var stopped = child.pause()) {
            var findings = new Findings(matcher);
            memory.search(findings, region -> stopped.isValid());
            ofMemory = findings;
            return findings;
        }
    }

    private ProcessMemory processMemory() throws Unavailable {
        try {
            return new ProcessMemory(child.pid());
        } catch (IOException e) {
            throw new Unavailable("/proc/PID/mem can't be opened (" + e.getMessage()
                    + "): run this as root, or with kernel.yama.ptrace_scope at most 1");
        }
    }

    /** Nothing knows its bytes; that no process can read them is shown by trying, with a page that can be read beside. */
    private Result secretMemory() throws IOException, Unavailable {
        try (var memory = processMemory();
                var stopped = child.pause()) {
            if (!stopped.isValid()) {
                throw new IOException("the JVM under test has died; see its hs_err file");
            }
            List<ProcessMemory.Region> regions = memory.regions();
            List<ProcessMemory.Region> secret = regions.stream()
                    .filter(region -> region.isSecret() && region.flags().contains("rd"))
                    .toList();
            if (secret.isEmpty()) {
                throw new Unavailable("the key is in locked memory, which root can read: memfd_secret(2) is missing"
                        + " (Linux 6.5 or later, or secretmem.enable=1) or switched off");
            }
            if (regions.stream().noneMatch(region -> region.name().equals("[stack]") && memory.canRead(region))) {
                throw new Unavailable("no page of this process can be read");
            }
            List<Match> readable = secret.stream()
                    .filter(memory::canRead)
                    .map(region -> new Match("secret page", "raw", Long.toHexString(region.begin()), 1))
                    .toList();
            long bytes = secret.stream()
                    .mapToLong(region -> region.end() - region.begin())
                    .sum();
            return new Result(
                    Place.SECRET_MEMORY,
                    phase,
                    readable.isEmpty() ? Verdict.CLEAN : Verdict.LEAKED,
                    readable,
                    readable.isEmpty() ? "the kernel refuses to read them" + (isRoot() ? ", even to root" : "") : "",
                    bytes);
        }
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    private Look heapDump(Place place, String... options) throws IOException, InterruptedException, Unavailable {
        Path file = captures.resolve("heap.hprof");
        Files.deleteIfExists(file);
        var arguments = new ArrayList<>(List.of("GC.heap_dump"));
        arguments.addAll(List.of(options));
        arguments.add(file.toString());
        jcmd("makes heap dumps", arguments);
        return dump(place, file);
    }

    private void jcmd(String use, List<String> arguments) throws IOException, InterruptedException, Unavailable {
        var command = new ArrayList<>(List.of(ExternalTool.ofJdk("jcmd", use), Long.toString(child.pid())));
        command.addAll(arguments);
        try {
            ExternalTool.run(command);
        } catch (Unavailable e) {
            throw new Unavailable(e.getMessage() + " (does an option of this JVM forbid to attach?)");
        }
    }

    private Look gcore() throws IOException, InterruptedException, Unavailable {
        String gcore = ExternalTool.onPath("gcore")
                .orElseThrow(() -> new Unavailable("gcore is missing: install gdb (Debian: apt-get install gdb)"));
        requireRoomForCore();
        Path file = captures.resolve("core");
        ExternalTool.run(List.of(gcore, "-o", file.toString(), Long.toString(child.pid())));
        return coreDump(Place.GCORE, captures.resolve("core." + child.pid()));
    }

    /** ZGC reserves sixteen times its heap, by default a hundred gigabytes: gcore writes zeros for that, the kernel does not. */
    private void requireRoomForCore() throws IOException, Unavailable {
        try (var memory = processMemory()) {
            long size = memory.dumpable();
            if (size > MAX_CORE) {
                throw new Unavailable("gcore would write " + (size >> 30) + " GiB, since this JVM reserves so much"
                        + " (ZGC: sixteen times its heap): give it a smaller -Xmx");
            }
            long free = Files.getFileStore(captures).getUsableSpace();
            if (size > free / 2) {
                throw new Unavailable("gcore would write " + (size >> 20) + " MiB, of " + (free >> 20)
                        + " MiB that are free: give --work a folder on another disk");
            }
        }
    }

    private Look recording() throws IOException, InterruptedException, Unavailable {
        child.command("event");
        Path file = captures.resolve("recording.jfr");
        jcmd("dumps flight recordings", List.of("JFR.dump", "name=prove", "filename=" + file));
        return dump(Place.FLIGHT_RECORDING, file);
    }

    private Look threadDump() throws IOException, InterruptedException, Unavailable {
        String dump = ExternalTool.run(List.of(
                ExternalTool.ofJdk("jcmd", "makes thread dumps"),
                Long.toString(child.pid()),
                "Thread.print",
                "-l",
                "-e"));
        Path file = captures.resolve("threads");
        Files.writeString(file, dump);
        return dump(Place.THREAD_DUMP, file);
    }

    private Look traffic() throws IOException, InterruptedException {
        child.command("wire");
        return files(Place.JMX, child.work().resolve("traffic"));
    }

    private Look temporary() throws IOException {
        String user = System.getProperty("user.name");
        Path counters = Path.of("/tmp", "hsperfdata_" + user, Long.toString(child.pid()));
        var places = new ArrayList<>(TokenDescription.refusedPins());
        places.addAll(List.of(child.work().resolve("tmp"), child.work().resolve("cwd"), counters));
        return files(Place.TEMPORARY, places.toArray(Path[]::new));
    }

    private Look commandLine() throws IOException {
        Path process = Path.of("/proc", Long.toString(child.pid()));
        return files(Place.COMMAND_LINE, process.resolve("cmdline"), process.resolve("environ"));
    }

    private Look core() throws IOException, Unavailable {
        String pattern =
                Files.readString(Path.of("/proc/sys/kernel/core_pattern")).strip();
        if (pattern.startsWith("|") || pattern.contains("/")) {
            throw new Unavailable("core dumps go to '" + pattern
                    + "' here: as root, sysctl -w kernel.core_pattern=core while this runs");
        }
        Path folder = child.work().resolve("cwd");
        try (Stream<Path> files = Files.list(folder)) {
            Path file = files.filter(path -> Files.isRegularFile(path)
                            && !path.getFileName().toString().startsWith("hs_err"))
                    .max(java.util.Comparator.comparingLong(
                            path -> path.toFile().length()))
                    .orElseThrow(() -> new Unavailable("the kernel wrote no core dump: raise its limit (ulimit -H -c)"
                            + " and look whether the disk is full"));
            return coreDump(Place.CORE, file);
        }
    }
}
