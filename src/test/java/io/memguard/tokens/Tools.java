package io.memguard.tokens;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The programs and libraries of tokens, which scripts/test installs, or unpacks where there is no root. */
public final class Tools {
    private static final String UNPACKED = System.getenv().getOrDefault("MEMGUARD_UNPACKED", "");

    private Tools() {}

    /** The first of these files that is there. */
    public static Path find(String... candidates) {
        for (String candidate : candidates) {
            for (String root : List.of("", UNPACKED)) {
                if (Files.exists(Path.of(root + candidate))) {
                    return Path.of(root + candidate);
                }
            }
        }
        throw new AssertionError(
                String.join(" or ", candidates) + " is missing: run the tests by scripts/test, which installs it");
    }

    /** A program, also of those for administrators. */
    public static String program(String name) {
        var directories =
                new ArrayList<>(List.of(System.getenv().getOrDefault("PATH", "").split(":")));
        directories.addAll(List.of("/usr/sbin", UNPACKED + "/usr/sbin"));
        return directories.stream()
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() ->
                        new AssertionError(name + " is missing: run the tests by scripts/test, which installs it"))
                .toString();
    }

    /** Runs a program to its end, which must be a good one; returns what it said. */
    public static String run(Map<String, String> environment, String... command) {
        try {
            var builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.command().set(0, program(command[0]));
            builder.environment().putAll(environment);
            builder.redirectInput(Path.of("/dev/null").toFile());
            Process process = builder.start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new AssertionError(command[0] + " failed:\n" + said);
            }
            return said;
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    /** Starts a server; what it says goes to a file. */
    static Process start(Map<String, String> environment, Path log, String... command) throws IOException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.command().set(0, command[0].startsWith("/") ? command[0] : program(command[0]));
        builder.environment().putAll(environment);
        builder.redirectInput(Path.of("/dev/null").toFile());
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        return builder.start();
    }

    static void await(String what, Path log, BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError(what + " does not come up; see " + log);
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted", e);
            }
        }
    }

    static void stop(Process process) {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    /** Deletes a folder with all that is in it. */
    static void delete(Path folder) {
        if (Files.exists(folder)) {
            run(Map.of(), "rm", "-r", folder.toString());
        }
    }

    /** A PIN in a file of its owner's only. */
    static Path pinFile(Path directory, String name, String pin) throws IOException {
        Path file = directory.resolve(name);
        Files.deleteIfExists(file);
        Files.createFile(file, io.memguard.os.DurableFile.OWNER_ONLY);
        return Files.writeString(file, pin + "\n");
    }
}
