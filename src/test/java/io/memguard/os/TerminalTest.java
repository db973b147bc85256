package io.memguard.os;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** Prompts in pseudo-terminals, with job control: src/test/resources/terminal has what is tried. */
class TerminalTest {
    /** Runs a script of scenarios; each line that it prints becomes a test. */
    public static Stream<DynamicTest> scenarios(String script, List<String> command) throws Exception {
        var all = new ArrayList<>(List.of("python3", resource(script).toString()));
        all.addAll(command);
        Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
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
    @EnabledIfSystemProperty(
            named = "terminal.scenarios",
            matches = "true",
            disabledReason =
                    "hangs under a build without a terminal; mvn test -Dtest=TerminalTest -Dterminal.scenarios=true")
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
