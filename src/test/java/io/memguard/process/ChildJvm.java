package io.memguard.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A second, real JVM that runs a main class of the tests; talks by lines. */
public final class ChildJvm implements AutoCloseable {
    private final Process process;
    private final BufferedReader out;

    private ChildJvm(Process process) {
        this.process = process;
        this.out = process.inputReader(StandardCharsets.UTF_8);
    }

    /** Starts one with the classes of the tests. */
    public static ChildJvm start(Class<?> main, List<String> before, List<String> arguments) throws IOException {
        return start(classPath(), main, before, arguments);
    }

    /**
     * Starts one with other classes.
     *
     * @param before a command in front of {@code java}, such as {@code prlimit}
     */
    public static ChildJvm start(String classPath, Class<?> main, List<String> before, List<String> arguments)
            throws IOException {
        return start(classPath, main, before, List.of(), arguments);
    }

    /**
     * Starts one with the classes of the tests.
     *
     * @param options of {@code java}
     */
    public static ChildJvm start(Class<?> main, List<String> before, List<String> options, List<String> arguments)
            throws IOException {
        return start(classPath(), main, before, options, arguments);
    }

    private static ChildJvm start(
            String classPath, Class<?> main, List<String> before, List<String> options, List<String> arguments)
            throws IOException {
        var command = new ArrayList<>(before);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:-UsePerfData",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath));
        command.addAll(options);
        command.add(main.getName());
        command.addAll(arguments);
        return new ChildJvm(
                new ProcessBuilder(command).redirectErrorStream(true).start());
    }

    /** A program of one source file, as {@code java File.java} runs it. */
    static ChildJvm startSource(Path source, List<String> options, List<String> arguments) throws IOException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classPath(), source.toString()));
        command.addAll(arguments);
        return new ChildJvm(
                new ProcessBuilder(command).redirectErrorStream(true).start());
    }

    /** Of this JVM and its tests. */
    public static String classPath() {
        String own = System.getProperty("jdk.module.path", "");
        if (own.isEmpty()) {
            return System.getProperty("java.class.path");
        }
        String tests = ChildJvm.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .getPath();
        return String.join(":", List.of(own, tests, System.getProperty("java.class.path", ""), mainClasses()));
    }

    private static String mainClasses() {
        return Path.of("target", "classes").toAbsolutePath().toString();
    }

    /** Its process. */
    public long pid() {
        return process.pid();
    }

    /** The next line that it prints; null at its end. */
    @Nullable
    public String readLine() throws IOException {
        return out.readLine();
    }

    /** Reads up to a line that says so; whatever else was printed is in the error. */
    public void expect(String line) throws IOException {
        var before = new StringBuilder();
        for (String read = out.readLine(); read != null; read = out.readLine()) {
            if (read.equals(line)) {
                return;
            }
            before.append(read).append('\n');
        }
        throw new AssertionError("the child ended without '" + line + "':\n" + before);
    }

    /** Writes a line to its standard input. */
    public void send(String line) throws IOException {
        var in = process.outputWriter(StandardCharsets.UTF_8);
        in.write(line + "\n");
        in.flush();
    }

    /** All that it prints from now on, to its end. */
    public String rest() throws IOException {
        var text = new StringBuilder();
        for (String read = out.readLine(); read != null; read = out.readLine()) {
            text.append(read).append('\n');
        }
        return text.toString();
    }

    /** Waits for its end. */
    public int exitCode() throws InterruptedException {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            throw new AssertionError("the child does not end");
        }
        return process.exitValue();
    }

    /** Waits until it has stopped itself. */
    public void awaitStop() throws IOException {
        String state = "";
        while (!state.equals("T")) {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid()), "stat"));
            state = stat.substring(stat.lastIndexOf(')') + 2).substring(0, 1);
            if (state.equals("Z")) {
                throw new AssertionError("the child ended before it was stopped:\n" + rest());
            }
            Thread.onSpinWait();
        }
    }

    /** SIGCONT. */
    public void resume() throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-CONT", Long.toString(pid())).start().waitFor();
    }

    /** SIGKILL. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
