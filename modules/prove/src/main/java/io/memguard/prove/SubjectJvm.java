package io.memguard.prove;

import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A JVM with the user's options that is searched, and its folder. Answers its questions for canaries. */
final class SubjectJvm implements AutoCloseable {
    private static final long PATIENCE = TimeUnit.MINUTES.toNanos(5);
    private static final String END = "its output ended";
    private static final Set<Process> ALIVE = ConcurrentHashMap.newKeySet();

    private final Path work;
    private final Canaries canaries;
    private final ServerSocketChannel server;
    private final Process process;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

    /**
     * Starts one.
     *
     * @param work its folder, short enough for the name of a socket (unix(7))
     * @param arguments after the work folder
     */
    SubjectJvm(Settings settings, Path work, Class<?> main, List<String> arguments, Canaries canaries)
            throws IOException {
        this.work = work;
        this.canaries = canaries;
        for (String folder : List.of("tmp", "cwd", "captures")) {
            Files.createDirectories(work.resolve(folder));
        }
        Path socket = work.resolve("socket");
        Files.deleteIfExists(socket);
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        var command = new ArrayList<String>();
        // A core dump is wanted here; the launcher has forbidden them.
        command.addAll(List.of("/bin/sh", "-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$@\"", "sh"));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(settings.jvmOptions());
        command.addAll(options());
        command.addAll(List.of("-cp", settings.classPath(), main.getName(), work.toString()));
        command.addAll(arguments);
        command.add(control(PositiveControl.ARGUMENT));
        var builder = new ProcessBuilder(command).directory(work.resolve("cwd").toFile());
        builder.environment().put("MEMGUARD_PROVE_CONTROL", control(PositiveControl.VARIABLE));
        builder.redirectError(ProcessBuilder.Redirect.appendTo(log().toFile()));
        process = builder.start();
        ALIVE.add(process);
        Thread.ofPlatform().daemon().name("answers").start(this::answer);
        Thread.ofPlatform().daemon().name("lines").start(this::listen);
    }

    private List<String> options() throws IOException {
        Path logging = work.resolve("logging.properties");
        Files.writeString(logging, """
                handlers = java.util.logging.ConsoleHandler
                .level = ALL
                java.util.logging.ConsoleHandler.level = ALL
                """);
        return List.of(
                "-Djava.io.tmpdir=" + work.resolve("tmp"),
                "-Djava.util.logging.config.file=" + logging,
                "-XX:ErrorFile=" + work.resolve("hs_err.log"),
                "-XX:StartFlightRecording:name=prove,settings=profile,dumponexit=false",
                "--enable-native-access=ALL-UNNAMED");
    }

    private String control(PositiveControl control) {
        return HexFormat.of().formatHex(canaries.get(control.canary(), PositiveControl.SIZE));
    }

    long pid() {
        return process.pid();
    }

    Path work() {
        return work;
    }

    /** All that it printed and logged. */
    Path log() {
        return work.resolve("log");
    }

    /** The next place where it stops. */
    String nextStop() throws IOException, InterruptedException {
        return next("at ");
    }

    /** Makes it do something where it stopped, and waits for that. */
    void command(String command) throws IOException, InterruptedException {
        send(command);
        next("did " + command);
    }

    /** Lets it go on. */
    void go() throws IOException {
        send("go");
    }

    /** Stops all its threads until this is closed; nothing where it is dead. */
    Pause pause() throws IOException {
        return new Pause(process);
    }

    /** A process that stands still. */
    static final class Pause implements AutoCloseable {
        private final Process process;

        private Pause(Process process) throws IOException {
            this.process = process;
            signal("STOP");
            while (isValid() && !isStopped()) {
                Thread.onSpinWait();
            }
        }

        boolean isValid() {
            return process.isAlive();
        }

        /** State T of proc_pid_stat(5), of every thread. */
        private boolean isStopped() {
            try (var threads = Files.list(Path.of("/proc", Long.toString(process.pid()), "task"))) {
                for (Path thread : threads.toList()) {
                    // A thread that waits for the disk comes to it in time.
                    String state = Files.readString(thread.resolve("stat"), StandardCharsets.ISO_8859_1);
                    if (!state.substring(state.lastIndexOf(')') + 1).startsWith(" T")) {
                        return false;
                    }
                }
            } catch (IOException | java.io.UncheckedIOException e) {
                return false; // A thread has just ended, or all of them have.
            }
            return true;
        }

        private void signal(String name) throws IOException {
            if (isValid()) {
                var kill = new ProcessBuilder("/bin/sh", "-c", "kill -" + name + " " + process.pid());
                kill.start().onExit().join();
            }
        }

        @Override
        public void close() throws IOException {
            signal("CONT");
        }
    }

    /** Crashes it and waits for its end. */
    void crash() throws IOException, InterruptedException {
        send("crash");
        awaitEnd();
    }

    void awaitEnd() throws IOException, InterruptedException {
        if (!process.waitFor(PATIENCE, TimeUnit.NANOSECONDS)) {
            throw failure("does not end");
        }
    }

    int exitValue() {
        return process.exitValue();
    }

    private void send(String line) throws IOException {
        OutputStream in = process.getOutputStream();
        in.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
        in.flush();
    }

    private String next(String prefix) throws IOException, InterruptedException {
        while (true) {
            String line = lines.poll(PATIENCE, TimeUnit.NANOSECONDS);
            if (line == null) {
                throw failure("does not answer");
            }
            if (line.equals(END)) {
                throw failure("ended early");
            }
            if (line.startsWith(prefix)) {
                return line.substring(prefix.length());
            }
        }
    }

    /** What it said last tells why. */
    private IOException failure(String what) throws IOException {
        List<String> said = Files.readAllLines(log(), StandardCharsets.ISO_8859_1);
        List<String> causes = said.stream()
                .filter(line ->
                        line.startsWith("Exception in") || line.startsWith("Caused by") || line.startsWith("Error"))
                .toList();
        List<String> last = causes.isEmpty() ? said.subList(Math.max(0, said.size() - 3), said.size()) : causes;
        return new IOException("the JVM under test " + what + ": " + String.join(" | ", last));
    }

    private void listen() {
        try (var out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                Files.writeString(log(), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                lines.add(line);
            }
        } catch (IOException e) {
            // It was killed.
        } finally {
            lines.add(END);
        }
    }

    private void answer() {
        try (var channel = server.accept();
                var questions = new BufferedReader(
                        new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
                var answers =
                        new DataOutputStream(new java.io.BufferedOutputStream(Channels.newOutputStream(channel)))) {
            for (String question = questions.readLine(); question != null; question = questions.readLine()) {
                int tab = question.indexOf('\t');
                byte[] canary = canaries.get(question.substring(0, tab), Integer.parseInt(question.substring(tab + 1)));
                answers.writeInt(canary.length);
                answers.write(canary);
                answers.flush();
            }
        } catch (IOException e) {
            // It ended; the thread that waits for its next line sees that.
        }
    }

    /** Ends all of them, when this process ends: a stopped JVM would stay forever. */
    static void endAll() {
        ALIVE.forEach(Process::destroyForcibly);
    }

    @Override
    public void close() {
        process.destroyForcibly();
        ALIVE.remove(process);
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
