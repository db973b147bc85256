package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CliTest {
    private static final byte[] NOTHING = {};

    @TempDir
    Path temporary;

    private Path directory;
    private Cli cli;

    @BeforeEach
    void passphrase() throws IOException {
        directory = temporary.resolve("store");
        cli = new Cli(Map.of(
                "MEMGUARD_DIR",
                directory.toString(),
                "MEMGUARD_PASSPHRASE_FILE",
                secretFile("passphrase", "correct horse battery staple\n").toString()));
    }

    private Path secretFile(String name, String content) throws IOException {
        Path file = temporary.resolve(name);
        Files.writeString(file, content);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    private Cli.Result run(String... arguments) throws IOException, InterruptedException {
        return cli.run(NOTHING, arguments);
    }

    private void init() throws IOException, InterruptedException {
        assertStatus(0, run("init"));
    }

    private static void assertStatus(int status, Cli.Result result) {
        assertEquals(status, result.status(), result.error());
    }

    /** One line on standard error, nothing on standard output. */
    private static void assertError(int status, String part, Cli.Result result) {
        assertStatus(status, result);
        assertEquals(0, result.out().length, result.text());
        assertTrue(result.error().startsWith("memguard: "), result.error());
        assertTrue(result.error().contains(part), result.error());
        assertEquals(1, result.error().lines().count(), result.error());
    }

    private Map<String, String> snapshot() throws IOException {
        var files = new TreeMap<String, String>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
                files.put(file.toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
            }
        }
        return files;
    }

    @Test
    void whatGoesInComesOutByteForByte() throws Exception {
        init();
        byte[] all = new byte[256];
        for (int i = 0; i < 256; i++) {
            all[i] = (byte) i;
        }
        byte[] large = new byte[5_000_000];
        new Random(Secrets.seed()).nextBytes(large);
        for (byte[] value : List.of(all, NOTHING, "line\n".getBytes(StandardCharsets.UTF_8), large)) {
            assertStatus(0, cli.run(value, "store", "name", "--allow-empty"));
            var result = run("retrieve", "name");
            assertStatus(0, result);
            assertArrayEquals(value, result.out());
            assertEquals("", result.error());
        }
        Path file = temporary.resolve("value");
        Files.write(file, all);
        assertStatus(0, run("store", "from file", "--file", file.toString()));
        Path output = temporary.resolve("output");
        assertStatus(0, run("retrieve", "from file", "--output", output.toString()));
        assertArrayEquals(all, Files.readAllBytes(output));
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(output)));
    }

    @Test
    void theLifeOfASecret() throws Exception {
        init();
        assertStatus(1, run("contains", "a"));
        assertError(1, "not found", run("retrieve", "a"));
        assertError(1, "not found", run("delete", "a"));
        assertStatus(0, cli.run(new byte[] {1}, "store", "a"));
        assertStatus(0, cli.run(new byte[] {2}, "store", "b\n\"quoted\""));
        assertStatus(0, run("contains", "a"));
        assertEquals("a\nb\\u000a\"quoted\"\n", run("list").text());
        assertEquals(
                "[\"a\", \"b\\u000a\\\"quoted\\\"\"]\n", run("list", "--json").text());
        assertEquals("a\0b\n\"quoted\"\0", run("list", "-0").text());
        String stats = run("stats", "--json").text();
        assertTrue(stats.contains("\"items_count\": 2"), stats);
        assertTrue(run("stats").text().contains("storage_type: software_keystore\n"));
        assertStatus(0, run("delete", "a"));
        assertStatus(1, run("contains", "a"));
        assertError(19, "--yes", run("cleanup"));
        assertStatus(0, run("cleanup", "--yes"));
        assertError(19, "memguard init", run("list"));
    }

    @Test
    void aValueIsNeverAnArgumentAndNotRepeated() throws Exception {
        init();
        var result = run("store", "name", "hunter2");
        assertError(2, "never an argument", result);
        assertFalse(result.error().contains("hunter2"));
        assertStatus(1, run("contains", "name"));
    }

    @Test
    void aWrongPassphraseIsKeyInvalidAndChangesNothing() throws Exception {
        init();
        assertStatus(0, cli.run(new byte[] {1}, "store", "a"));
        var before = snapshot();
        Path wrong = secretFile("wrong", "incorrect horse");
        for (List<String> command : List.of(
                List.of("list"), List.of("retrieve", "a"), List.of("store", "a"), List.of("cleanup", "--yes"))) {
            var arguments = new ArrayList<>(command);
            arguments.addAll(List.of("--passphrase-file", wrong.toString()));
            assertError(10, "the passphrase is wrong", run(arguments.toArray(String[]::new)));
        }
        assertEquals(before, snapshot());
    }

    @Test
    void missingAndReplacedContainersAreTheirOwnErrorsAndChangeNothing() throws Exception {
        init();
        assertStatus(0, cli.run(new byte[] {1}, "store", "a"));
        Path container = directory.resolve("memguard_secure/keystore.bcfks");
        byte[] kept = Files.readAllBytes(container);

        Files.delete(container);
        var before = snapshot();
        assertError(10, "is missing", run("retrieve", "a"));
        assertError(19, "already", run("init"));
        assertEquals(before, snapshot());

        for (byte[] other : List.of(new byte[0], new byte[] {1, 2, 3}, java.util.Arrays.copyOf(kept, 100))) {
            Files.write(container, other);
            assertError(10, "not this store's", run("retrieve", "a"));
            assertArrayEquals(other, Files.readAllBytes(container));
        }

        Path second = temporary.resolve("second");
        assertStatus(0, run("init", "--dir", second.toString()));
        Files.copy(
                second.resolve("memguard_secure/keystore.bcfks"),
                container,
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertError(10, "not this store's", run("retrieve", "a"));

        Files.write(container, kept);
        assertArrayEquals(new byte[] {1}, run("retrieve", "a").out());
    }

    @Test
    void missingMetadataBesideDataIsKeyInvalid() throws Exception {
        init();
        assertStatus(0, cli.run(new byte[] {1}, "store", "a"));
        Files.delete(directory.resolve("memguard_secure/store.meta"));
        var before = snapshot();
        assertError(10, "metadata file is missing", run("retrieve", "a"));
        assertError(10, "metadata file is missing", run("init"));
        assertEquals(before, snapshot());
    }

    @Test
    void aSecondInitChangesNothing() throws Exception {
        init();
        var before = snapshot();
        assertError(19, "already", run("init"));
        assertEquals(before, snapshot());
    }

    @Test
    void usageErrorsAreStatus2() throws Exception {
        assertError(2, "missing command", run());
        assertError(2, "frobnicate", run("frobnicate"));
        assertError(2, "did you mean 'retrieve'?", run("retreive", "a"));
        assertError(2, "did you mean --passphrase-file?", run("list", "--pasphrase-file=x"));
        assertError(2, "NAME", run("retrieve"));
        assertError(2, "--frobnicate", run("list", "--frobnicate"));
        assertStatus(0, run("--help"));
        assertStatus(0, run("store", "--help"));
        assertTrue(run("--version").text().startsWith("memguard "));
    }

    @Test
    void whatIsMissingIsSaid() throws Exception {
        assertError(19, "MEMGUARD_DIR", new Cli(Map.of()).run(NOTHING, "list"));
        assertError(19, "memguard init", run("list"));
        assertError(19, "built in are 'software'", run("list", "--keys", "magic"));
        init();
        Path absent = temporary.resolve("absent");
        assertError(10, "is not there", run("list", "--passphrase-file", absent.toString()));
        Path open = secretFile("open", "correct horse battery staple");
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-r--r--"));
        assertError(11, "chmod 600", run("list", "--passphrase-file", open.toString()));
        Path empty = secretFile("empty", "\n");
        assertError(
                19,
                "the passphrase is empty",
                run("init", "--dir", temporary.resolve("other").toString(), "--passphrase-file", empty.toString()));
        assertError(19, "CREDENTIALS_DIRECTORY", run("list", "--passphrase-credential", "x"));
    }

    @Test
    void noTerminalAndNoPassphraseIsAnError() throws Exception {
        init();
        var command = new ArrayList<>(List.of("setsid", "-w"));
        command.addAll(Cli.command());
        command.addAll(List.of("list", "--dir", directory.toString()));
        assertError(19, "no terminal", new Cli(Map.of()).runCommand(command, NOTHING));
    }

    @Test
    void thePassphraseComesFromADescriptorOrACredential() throws Exception {
        init();
        String quoted = String.join("' '", Cli.command());
        var byDescriptor = new Cli(Map.of("MEMGUARD_DIR", directory.toString()))
                .runCommand(
                        List.of(
                                "bash",
                                "-c",
                                "'" + quoted + "' stats --passphrase-fd 7 7< <(printf 'correct horse battery staple')"),
                        NOTHING);
        assertStatus(0, byDescriptor);
        secretFile("pass.cred", "correct horse battery staple");
        var byCredential = new Cli(
                        Map.of("MEMGUARD_DIR", directory.toString(), "CREDENTIALS_DIRECTORY", temporary.toString()))
                .run(NOTHING, "stats", "--passphrase-credential", "pass.cred");
        assertStatus(0, byCredential);
    }

    @Test
    void promptsReadFromTheTerminalWithoutEcho() throws Exception {
        Path script = temporary.resolve("answer.py");
        Files.writeString(script, """
                import os, pty, sys, time
                answers = sys.argv[1].encode().split(b',')
                pid, fd = pty.fork()
                if pid == 0:
                    os.execvp(sys.argv[2], sys.argv[2:])
                seen = b''
                while True:
                    try:
                        data = os.read(fd, 1000)
                    except OSError:
                        break
                    if not data:
                        break
                    seen += data
                    if seen.endswith(b': ') and answers:
                        time.sleep(0.1)
                        os.write(fd, answers.pop(0) + b'\\n')
                sys.stdout.buffer.write(seen)
                sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                """);
        var prompted = new Cli(Map.of("MEMGUARD_DIR", directory.toString()));
        assertTerminal(0, prompted, script, "typed-secret,typed-secret", "init");
        assertTerminal(0, prompted, script, "typed-secret,typed-value", "store", "a");
        assertTerminal(0, prompted, script, "typed-secret", "contains", "a");
        assertTerminal(10, prompted, script, "typed-wrongly", "contains", "a");
        Path file = secretFile("typed", "typed-secret");
        var read = cli.run(NOTHING, "retrieve", "a", "--passphrase-file", file.toString());
        assertStatus(0, read);
        assertEquals("typed-value", read.text());
        var differ = prompted.runCommand(
                terminal(
                        script,
                        "one-typed,two-typed",
                        "init",
                        "--dir",
                        temporary.resolve("x").toString()),
                NOTHING);
        assertEquals(19, differ.status(), differ.text());
        assertTrue(differ.text().contains("the two answers differ"), differ.text());
    }

    private static void assertTerminal(int status, Cli prompted, Path script, String answers, String... arguments)
            throws Exception {
        var result = prompted.runCommand(terminal(script, answers, arguments), NOTHING);
        assertEquals(status, result.status(), result.text() + result.error());
        assertFalse(result.text().contains("typed"), "echoed: " + result.text());
    }

    private static List<String> terminal(Path script, String answers, String... arguments) {
        var command = new ArrayList<>(List.of("python3", script.toString(), answers));
        command.addAll(Cli.command());
        command.addAll(List.of(arguments));
        return command;
    }

    @Test
    void namesOfAllKinds() throws Exception {
        init();
        var names = List.of("--", "-x", "ä€𝄞", "../../etc/passwd", "x".repeat(1024));
        for (String name : names) {
            assertStatus(0, cli.run(name.getBytes(StandardCharsets.UTF_8), "store", "--", name));
            assertEquals(name, run("retrieve", "--", name).text());
        }
        assertError(19, "1024", cli.run(new byte[] {1}, "store", "x".repeat(1025)));
        assertError(19, "name", cli.run(new byte[] {1}, "store", ""));
        assertEquals(
                String.join("\n", names.stream().sorted().toList()) + "\n",
                run("list").text());
    }

    @Test
    void aFullDeviceIsAnErrorAndNoTraceIsShownUnlessAskedFor() throws Exception {
        init();
        assertStatus(0, cli.run(new byte[100], "store", "a"));
        String quoted = "'" + String.join("' '", Cli.command()) + "'";
        var full = cli.runCommand(List.of("bash", "-c", quoted + " retrieve a >/dev/full"), NOTHING);
        assertError(74, "No space left", full);
        var debug = run(
                "retrieve",
                "a",
                "--debug",
                "--passphrase-file",
                secretFile("w", "wrong").toString());
        assertStatus(10, debug);
        assertTrue(debug.error().contains("\tat io.memguard"), debug.error());
    }

    @Test
    void aReaderThatGoesAwayIsNoNoise() throws Exception {
        init();
        assertStatus(0, cli.run(new byte[5_000_000], "store", "a"));
        String quoted = "'" + String.join("' '", Cli.command()) + "'";
        var gone = cli.runCommand(
                List.of("bash", "-c", quoted + " retrieve a | head -c 10; exit ${PIPESTATUS[0]}"), NOTHING);
        assertEquals(141, gone.status(), gone.error());
        assertEquals("", gone.error());
    }

    @Test
    void manyAtOnceLoseNothing() throws Exception {
        init();
        var writers = new ArrayList<Thread>();
        var results = new java.util.concurrent.ConcurrentLinkedQueue<Cli.Result>();
        for (int i = 0; i < 6; i++) {
            byte[] value = {(byte) i};
            String name = "n" + i % 3;
            writers.add(Thread.ofVirtual().start(() -> {
                try {
                    results.add(cli.run(value, "store", name));
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }));
        }
        for (Thread writer : writers) {
            writer.join();
        }
        assertEquals(6, results.size());
        results.forEach(result -> assertStatus(0, result));
        assertEquals("n0\nn1\nn2\n", run("list").text());
        for (int i = 0; i < 3; i++) {
            byte[] value = run("retrieve", "n" + i).out();
            assertTrue(value.length == 1 && value[0] % 3 == i);
        }
    }

    @Test
    void twoFirstInitsMakeOneStore() throws Exception {
        var results = new java.util.concurrent.ConcurrentLinkedQueue<Integer>();
        var both = List.of(
                Thread.ofVirtual().unstarted(() -> results.add(status("init"))),
                Thread.ofVirtual().unstarted(() -> results.add(status("init"))));
        both.forEach(Thread::start);
        for (Thread thread : both) {
            thread.join();
        }
        assertEquals(List.of(0, 19), results.stream().sorted().toList());
        assertStatus(0, cli.run(new byte[] {1}, "store", "a"));
        assertStatus(0, run("contains", "a"));
    }

    private int status(String... arguments) {
        try {
            return run(arguments).status();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aContainerMayLieElsewhere() throws Exception {
        Path container = temporary.resolve("stick");
        assertStatus(0, run("init", "--keys", "software:" + container));
        assertTrue(Files.exists(container));
        assertError(10, "is missing", run("list"));
        assertStatus(0, run("list", "--keys", "software:" + container));
    }
}
