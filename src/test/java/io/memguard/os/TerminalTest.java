package io.memguard.os;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Prompts in pseudo-terminals, with job control: src/test/resources/terminal has what is tried. */
public class TerminalTest {
    /** Runs a script of scenarios; each line that it prints becomes a test. */
    public static Stream<DynamicTest> scenarios(String script, List<String> command) throws Exception {
        var all = new ArrayList<>(List.of("python3", resource(script).toString()));
        all.addAll(command);
        Path result = Files.createTempFile("memguard-terminal", ".txt");
        Process process = new ProcessBuilder(all)
                .redirectErrorStream(true)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(result.toFile())
                .start();
        boolean ended = process.waitFor(10, TimeUnit.MINUTES); // Each scenario has a deadline of its own.
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor();
        String said = Files.readString(result);
        Files.delete(result);
        assertTrue(ended, "the scenarios do not end: " + said);
        assertEquals(0, process.exitValue(), said);
        var lines = said.lines().toList();
        assertFalse(lines.isEmpty());
        return lines.stream()
                .map(line ->
                        DynamicTest.dynamicTest(line.split(" ")[1], () -> assertTrue(line.startsWith("ok "), line)));
    }

    private static Path resource(String name) throws IOException {
        return Path.of("src/test/resources/terminal", name).toAbsolutePath();
    }

    @TestFactory
    Stream<DynamicTest> aPromptTakesWhatWasEnteredAndLeavesTheTerminalAsItWas() throws Exception {
        return scenarios(
                "prompts.py",
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-XX:-UsePerfData",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        ChildJvm.classPath(),
                        "io.memguard.os.Asking"));
    }
}
