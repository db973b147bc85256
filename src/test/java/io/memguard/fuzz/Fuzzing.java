package io.memguard.fuzz;

import io.memguard.process.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A fuzzer in a JVM of its own, without a terminal and in an empty folder. What crashed it is kept in
 * {@code target/fuzz/NAME}, beside the inputs that found something new.
 */
final class Fuzzing {
    private static final List<String> OPTIONS = List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+EnableDynamicAgentLoading",
            "-XX:-UsePerfData",
            "-Xmx512m");

    private final Class<?> fuzzer;
    private final Path temporary;

    Fuzzing(Class<?> fuzzer, Path temporary) {
        this.fuzzer = fuzzer;
        this.temporary = temporary;
    }

    /** How it ended, and what it printed. */
    record Result(int status, String text) {}

    /** Every seed once. */
    Result replay() throws IOException, InterruptedException {
        return run(300, List.of(Replay.class.getName(), fuzzer.getName()));
    }

    /** The same inputs each time, for the gate: the seeds, and what coverage leads to from there. */
    Result fuzzSteps(int inputs) throws IOException, InterruptedException {
        return fuzz(temporary.resolve("kept"), 900, List.of("-seed=1", "-runs=" + inputs));
    }

    /** Other inputs each time, for some seconds. */
    Result fuzz(int seconds) throws IOException, InterruptedException {
        return fuzz(Path.of("target", "fuzz"), seconds + 900, List.of("-max_total_time=" + seconds));
    }

    private Result fuzz(Path folder, int deadline, List<String> extent) throws IOException, InterruptedException {
        Path kept = Files.createDirectories(folder.resolve(fuzzer.getSimpleName(), "corpus"))
                .toAbsolutePath();
        Path dictionary = Seeds.folder(fuzzer).resolveSibling(fuzzer.getSimpleName() + ".dict");
        var command = new ArrayList<>(List.of(
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=" + fuzzer.getName(),
                "--instrumentation_includes=io.memguard.**:picocli.**:org.bouncycastle.asn1.**",
                "--disabled_hooks=com.code_intelligence.jazzer.sanitizers.FilePathTraversal",
                "--reproducer_path=" + kept.getParent(),
                "-artifact_prefix=" + kept.getParent() + "/",
                "-timeout=600", // of the clock, on a machine that may be busy
                "-rss_limit_mb=4096",
                "-print_final_stats=1"));
        if (Files.exists(dictionary)) {
            command.add("-dict=" + dictionary);
        }
        command.addAll(extent);
        command.addAll(List.of(kept.toString(), Seeds.folder(fuzzer).toString()));
        return run(deadline, command);
    }

    private Result run(int seconds, List<String> arguments) throws IOException, InterruptedException {
        Path folder = Files.createDirectories(temporary.resolve(fuzzer.getSimpleName() + "/a/b/c"));
        Path output = temporary.resolve(fuzzer.getSimpleName() + "/output");
        var command = new ArrayList<>(List.of(
                "nice",
                "-n19",
                "setsid", // No terminal: nothing asks for a passphrase.
                "--wait",
                "sh",
                "-c",
                // Nice counts within a session only (sched(7), autogroup), and this is one of its own.
                "{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec \"$@\"",
                "sh",
                Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(OPTIONS);
        command.addAll(List.of(
                "-Dseeds=" + Seeds.folder(fuzzer).getParent(),
                "-Djava.io.tmpdir=" + temporary,
                "-cp",
                ChildJvm.classPath()));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(output.toFile())
                .redirectErrorStream(true)
                .start();
        try {
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
                throw new AssertionError("it does not end:\n" + Files.readString(output));
            }
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        return new Result(process.exitValue(), Files.readString(output));
    }
}
