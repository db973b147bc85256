package io.memguard.prove;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Programs that look at the child. */
final class ExternalTool {
    private ExternalTool() {}

    /** A program of the JDK that runs this. */
    static String ofJdk(String name, String use) throws Unavailable {
        Path program = Path.of(System.getProperty("java.home"), "bin", name);
        if (!Files.isExecutable(program)) {
            throw new Unavailable(name + " is missing, which " + use + ": run this on a JDK, not a JRE");
        }
        return program.toString();
    }

    static Optional<String> onPath(String name) {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":"))
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    /** Runs it to its end; returns what it said. */
    static String run(List<String> command) throws IOException, InterruptedException, Unavailable {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(Path.of("/dev/null").toFile())
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            String last = said.lines().filter(line -> !line.isBlank()).reduce("", (before, line) -> line);
            throw new Unavailable(Path.of(command.getFirst()).getFileName() + " failed: " + last.strip());
        }
        return said;
    }
}
