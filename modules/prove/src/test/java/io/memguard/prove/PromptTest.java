package io.memguard.prove;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A passphrase that is typed at a terminal is nowhere in the process that asked for it. */
class PromptTest {
    /** Types a line at the prompt of a command on a terminal of its own; says its process id when it is ready. */
    private static final String TYPE = """
            import os, pty, sys
            passphrase = sys.stdin.buffer.readline()
            pid, terminal = pty.fork()
            if pid == 0:
                os.execvp(sys.argv[1], sys.argv[1:])
            seen = b""
            def wait(text):
                global seen
                while text not in seen:
                    seen += os.read(terminal, 1000)
            wait(b"passphrase: ")
            os.write(terminal, passphrase)
            wait(b"ready")
            print(pid, passphrase.strip() in seen, flush=True)
            sys.stdin.buffer.readline()
            os.kill(pid, 9)
            """;

    @TempDir
    Path temporary = Path.of("");

    @Test
    void aPassphraseThatIsTypedIsNowhereInMemory() throws Exception {
        Path script = Files.writeString(temporary.resolve("type.py"), TYPE);
        var canaries = new Canaries();
        byte[] passphrase = canaries.get(Workload.PASSPHRASE, 32);
        byte[] control = canaries.get(PositiveControl.HEAP.canary(), PositiveControl.SIZE);
        var settings = Settings.software(List.of(), temporary);
        var process = new ProcessBuilder(
                        "python3",
                        script.toString(),
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx96m",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        settings.classPath(),
                        Prompted.class.getName(),
                        temporary.resolve("store").toString(),
                        HexFormat.of().formatHex(control))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (var out = process.inputReader(StandardCharsets.UTF_8);
                var in = process.outputWriter(StandardCharsets.US_ASCII)) {
            in.write(new String(passphrase, StandardCharsets.US_ASCII) + "\n");
            in.flush();
            String[] said = String.valueOf(out.readLine()).split(" ", 2);
            assertEquals("False", said[1], "what is typed is not shown");
            Findings findings = memory(Long.parseLong(said[0]), canaries.matcher());
            assertTrue(findings.has(PositiveControl.HEAP), "what was planted is found");
            assertEquals(List.of(), findings.of(Canary.Kind.SECRET, Findings.Protection.NONE));
            assertEquals(List.of(), findings.of(Canary.Kind.SECRET, Findings.Protection.LOCKED));
            in.write("\n");
        }
        process.waitFor();
    }

    private static Findings memory(long pid, CanaryMatcher matcher) throws IOException {
        try (var memory = new ProcessMemory(pid)) {
            var findings = new Findings(matcher);
            memory.search(findings, region -> true);
            return findings;
        }
    }
}
