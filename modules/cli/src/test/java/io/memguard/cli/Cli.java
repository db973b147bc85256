package io.memguard.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs the command line as a process of its own, as a script does. */
public final class Cli {
    private final Map<String, String> environment;

    public Cli(Map<String, String> environment) {
        this.environment = environment;
    }

    /** One that sees these variables too. */
    Cli with(Map<String, String> variables) {
        var both = new HashMap<>(environment);
        both.putAll(variables);
        return new Cli(both);
    }

    /** What a run left behind. */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    public record Result(int status, byte[] out, String error) {
        public String text() {
            return new String(out, StandardCharsets.UTF_8);
        }
    }

    /** {@code java} and all that comes before the arguments. */
    static List<String> command() {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-Xlog:disable",
                "-XX:SharedArchiveFile=" + SharedClasses.file(),
                "--enable-native-access=io.memguard,io.memguard.cli",
                "-p",
                SharedClasses.modulePath(),
                "-m",
                "io.memguard.cli/io.memguard.cli.Main");
    }

    public Result run(byte[] in, String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(command());
        command.addAll(List.of(arguments));
        return runCommand(command, in);
    }

    Result runCommand(List<String> command, byte[] in) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command);
        builder.environment().remove("MEMGUARD_DIR");
        builder.environment().remove("MEMGUARD_PASSPHRASE_FILE");
        builder.environment().putAll(environment);
        Process process = builder.start();
        var error = new ByteArrayOutputStream();
        var drain = Thread.ofVirtual().start(() -> copy(process.getErrorStream(), error));
        var feed = Thread.ofVirtual().start(() -> {
            try (OutputStream stdin = process.getOutputStream()) {
                stdin.write(in);
            } catch (IOException e) {
                // It ended without reading all of it.
            }
        });
        byte[] out = process.getInputStream().readAllBytes();
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("it does not end: " + command);
        }
        drain.join();
        feed.join();
        return new Result(process.exitValue(), out, error.toString(StandardCharsets.UTF_8));
    }

    private static void copy(InputStream from, OutputStream to) {
        try {
            from.transferTo(to);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
