package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code memguard prove} as a process of its own. */
class ProveCliTest {
    @TempDir
    Path temporary = Path.of("");

    @Test
    void whoeverIsInterruptedLeavesNoDumpAndNoJvm() throws Exception {
        var command = new ArrayList<>(Cli.command());
        command.addAll(List.of("prove", "--work", temporary.toString(), "--", "-XX:+UseSerialGC", "-Xmx64m"));
        Process prove = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            await(this::aDumpIsMade);
            assertFalse(jvms().isEmpty(), "there is something to end");
            prove.destroy();
            assertTrue(prove.waitFor(30, TimeUnit.SECONDS), "it ends");
        } finally {
            prove.destroyForcibly();
        }
        assertEquals(143, prove.exitValue(), "as SIGTERM has it");
        await(() -> jvms().isEmpty());
        try (var left = Files.list(temporary)) {
            assertEquals(List.of(), left.toList());
        }
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "waited for a minute");
            Thread.sleep(5);
        }
    }

    private boolean aDumpIsMade() {
        try (var all = Files.find(
                temporary,
                4,
                (path, attributes) ->
                        attributes.isRegularFile() && path.getParent().endsWith("captures"))) {
            return all.findAny().isPresent();
        } catch (IOException | java.io.UncheckedIOException e) {
            return false; // It comes and goes.
        }
    }

    /** The JVMs under test. */
    private List<ProcessHandle> jvms() {
        return ProcessHandle.allProcesses()
                .filter(process -> process.info()
                        .commandLine()
                        .filter(line -> line.contains(temporary.toString()) && line.contains("Workload"))
                        .isPresent())
                .toList();
    }
}
