package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static io.memguard.cli.NewStore.assertError;
import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code exec}: real commands in the place of a real memguard. */
class ExecTest {
    private static final byte[] LARGE = new byte[5_000_000];
    private static final String CANARY = "canary-" + Long.toHexString(System.nanoTime()) + "-bird";

    @TempDir
    static Path temporary;

    private static NewStore store;

    @BeforeAll
    static void init() throws Exception {
        store = NewStore.in(temporary);
        Arrays.fill(LARGE, (byte) 'x');
        LARGE[0] = 0;
        store.done(CANARY.getBytes(StandardCharsets.UTF_8), "store", "secret name");
        store.done(LARGE, "store", "large");
        store.done(Files.readAllBytes(store.passphrase()), "store", "passphrase");
        Path runtime = Files.createDirectory(temporary.resolve("run"));
        Files.setPosixFilePermissions(runtime, PosixFilePermissions.fromString("rwx------"));
    }

    /** Environment of the store, with more. */
    private static Cli.Result run(Map<String, String> more, String... arguments) throws Exception {
        var environment = new HashMap<>(Map.of(
                "MEMGUARD_DIR",
                temporary.resolve("store").toString(),
                "MEMGUARD_PASSPHRASE_FILE",
                store.passphrase().toString(),
                "XDG_RUNTIME_DIR",
                temporary.resolve("run").toString()));
        environment.putAll(more);
        return new Cli(environment).run(NOTHING, arguments);
    }

    private static Cli.Result exec(String... arguments) throws Exception {
        var all = new ArrayList<>(List.of("exec"));
        all.addAll(List.of(arguments));
        return run(Map.of(), all.toArray(String[]::new));
    }

    /** Starts one that goes on running; the caller ends it. */
    private static Process start(String... arguments) throws IOException {
        var command = new ArrayList<>(Cli.command());
        command.add("exec");
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("MEMGUARD_DIR", temporary.resolve("store").toString());
        builder.environment().put("MEMGUARD_PASSPHRASE_FILE", store.passphrase().toString());
        return builder.start();
    }

    @Test
    void eachWayGivesTheValueByteForByte() throws Exception {
        var result = exec(
                "--env",
                "PASSWORD=secret name",
                "--fd",
                "3=secret name",
                "--memfd",
                "4=large",
                "--credential",
                "db.password=secret name",
                "sh",
                "-c",
                "printf '%s\\n' \"$PASSWORD\"; cat <&3; echo; cat /dev/fd/4 /proc/self/fd/4 | wc -c;"
                        + " cat \"$CREDENTIALS_DIRECTORY/db.password\"; echo; wc -c <&4; cat <&3; (echo x >&4) || echo sealed",
                "--keep-fd");
        assertEquals(0, result.status(), result.error());
        assertEquals(
                CANARY + "\n" + CANARY + "\n10000000\n" + CANARY + "\n5000000\nsealed\n",
                result.text(),
                result.error());
    }

    @Test
    void theCommandTakesTheProcessOverAsItWasGiven() throws Exception {
        Process process = start("--fd", "9=secret name", "--", "bash", "-c", """
                echo $$
                ls /proc/self/fd | tr '\\n' ' '; echo
                grep -E 'SigBlk|SigIgn|Threads' /proc/self/status
                exec sleep 60
                """);
        var said = process.inputReader();
        assertEquals(Long.toString(process.pid()), said.readLine());
        assertEquals("0 1 2 3 9", said.readLine().strip(), "3 is the listing's own");
        assertEquals("Threads:\t1", said.readLine());
        assertEquals("SigBlk:\t0000000000000000", said.readLine());
        long ignored = Long.parseUnsignedLong(said.readLine().substring(8), 16);
        assertEquals(0, ignored >> 12 & 1, "SIGPIPE");
        Path name = Path.of("/proc/" + process.pid() + "/comm");
        while (!Files.readString(name).equals("sleep\n")) {
            Thread.onSpinWait();
        }
        new ProcessBuilder("kill", "-QUIT", Long.toString(process.pid()))
                .start()
                .waitFor();
        assertEquals(128 + 3, process.waitFor(), "the JVM blocks SIGQUIT; its command must not");
    }

    @Test
    void whatTheLauncherChangedComesBackAndTheRestIsUntouched() throws Exception {
        var result = run(
                Map.of(
                        "MEMGUARD_OUTER_LC_ALL", "",
                        "MEMGUARD_OUTER__JAVA_OPTIONS", "-Dof=theirs",
                        "MEMGUARD_CORE_LIMIT", "7",
                        "PASSWORD", "an old one"),
                "exec",
                "--env=PASSWORD=secret name",
                "bash",
                "-c",
                "env | grep -E '^(LC_ALL|_JAVA_OPTIONS|PASSWORD|MEMGUARD_(OUTER|CORE))' | sort; ulimit -S -c");
        assertEquals(0, result.status(), result.error());
        assertTrue(
                result.text().equals("PASSWORD=" + CANARY + "\n_JAVA_OPTIONS=-Dof=theirs\n7\n")
                        || result.text().equals("PASSWORD=" + CANARY + "\n_JAVA_OPTIONS=-Dof=theirs\n0\n"),
                "a hard limit of 0 can't be raised: " + result.text());
    }

    @Test
    void onlyWhatWasAskedForIsPassedOn() throws Exception {
        Path file = Files.writeString(temporary.resolve("inherited"), "inherited");
        var result = store.shell(
                "exec 7<'" + file + "' 8<'" + file + "' 3<'" + file + "'\n"
                        + "(LISTEN_PID=$BASHPID LISTEN_FDS=1 exec '" + String.join("' '", Cli.command())
                        + "' exec --keep-fd 7 --fd '0=secret name' -- bash -c 'cat; echo; cat <&3; cat <&7; ls /proc/self/fd')");
        assertEquals(CANARY + "\ninheritedinherited0\n1\n2\n3\n4\n7\n", result.text(), result.error());
        assertError(19, "not open", exec("--keep-fd", "77", "--fd", "3=secret name", "true"));
    }

    @Test
    void statusesAreThoseOfShells() throws Exception {
        assertEquals(7, exec("--fd", "3=secret name", "sh", "-c", "exit 7").status());
        assertError(127, "No such file", exec("--fd", "3=secret name", "--", "memguard-has-no-such-command"));
        assertError(126, "Permission denied", exec("--env", "A=secret name", "--memfd", "3=large", "/etc/passwd"));
    }

    @Test
    void whatCantBeGivenIsSaidWithoutNamesOfSecrets() throws Exception {
        assertError(1, "not found: the secret of --env A, --fd 3", exec("--env", "A=absent", "--fd", "3=gone", "true"));
        assertFalse(exec("--env", "A=absent", "true").error().contains("absent"));
        store.done(new byte[] {'a', 0, 'b'}, "store", "zero");
        assertError(19, "zero byte", exec("--env", "A=zero", "true"));
        assertError(19, "too long", exec("--env", "A=large", "true"));
        assertError(19, "use --memfd", exec("--fd", "3=large", "true"));
        assertError(2, "which secrets?", exec("true"));
        assertError(2, "NAME=SECRET", exec("--env", "hunter2", "true"));
        assertError(2, "taken", exec("--fd", "2=secret name", "true"));
        assertError(2, "twice", exec("--fd", "3=large", "--fd", "3=large", "true"));
        assertError(2, "COMMAND", exec("--fd", "3=large"));
    }

    /** A service that this library unlocks, started with a passphrase that never was in a file of a disk. */
    @Test
    void aCredentialOpensAnotherStore() throws Exception {
        var command =
                new ArrayList<>(List.of("--credential", "unlock=passphrase", "env", "-u", "MEMGUARD_PASSPHRASE_FILE"));
        command.addAll(Cli.command());
        command.addAll(List.of("contains", "large", "--passphrase-credential", "unlock"));
        for (int i = 0; i < 2; i++) {
            var result = exec(command.toArray(String[]::new));
            assertEquals(0, result.status(), result.error());
        }
        try (var links = Files.list(temporary.resolve("run/memguard"))) {
            assertTrue(links.count() >= 1);
        }
    }

    /** As root, by cron, in a container. */
    @Test
    void aCredentialNeedsNoSession() throws Exception {
        String read = "cat \"$CREDENTIALS_DIRECTORY/id\"";
        for (String runtime : List.of("", "/proc/1", "/nowhere")) {
            var result =
                    run(Map.of("XDG_RUNTIME_DIR", runtime), "exec", "--credential", "id=secret name", "sh", "-c", read);
            assertEquals(CANARY, result.text(), result.error());
        }
    }

    /** As systemd asks for LoadCredential= by a socket: whoever connects gets the value and the end. */
    @Test
    void aSocketAnswersWithTheValue() throws Exception {
        if (!GuideShell.has("systemd-socket-activate")) {
            System.out.println("NOT TESTED: a credential by a socket (apt-get install systemd)");
            return;
        }
        Path socket = temporary.resolve("socket");
        var command = new ArrayList<>(List.of(
                "systemd-socket-activate",
                "--accept",
                "--inetd",
                "--listen=" + socket,
                "--setenv=MEMGUARD_DIR=" + temporary.resolve("store"),
                "--setenv=MEMGUARD_PASSPHRASE_FILE=" + store.passphrase()));
        command.addAll(Cli.command());
        command.addAll(List.of("retrieve", "secret name"));
        Process server = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            String said = server.inputReader().readLine();
            assertTrue(said.startsWith("Listening"), said);
            channel.connect(UnixDomainSocketAddress.of(socket));
            assertEquals(CANARY, new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8));
        } finally {
            server.destroy();
        }
    }

    /** Of an environment it is found there, so it would be. */
    @Test
    void nothingOfMemguardIsLeftInTheProcess() throws Exception {
        for (boolean variable : new boolean[] {true, false}) {
            Process process = variable
                    ? start("--env", "A=secret name", "--", "sh", "-c", "echo ready; read line")
                    : start("--fd", "3=secret name", "--", "sh", "-c", "echo ready; read line");
            try {
                assertEquals("ready", process.inputReader().readLine());
                assertEquals(variable, holdsCanary(process.pid()));
            } catch (IOException e) {
                System.out.println("NOT TESTED: this user may not read /proc/PID/mem (" + e.getMessage() + ")");
            } finally {
                process.destroyForcibly().waitFor();
            }
        }
    }

    private static boolean holdsCanary(long pid) throws IOException {
        try (var memory = new RandomAccessFile("/proc/" + pid + "/mem", "r")) {
            for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/maps"))) {
                String[] range = line.split("[- ]", 3);
                if (!line.contains(" r") || line.contains("[v")) {
                    continue;
                }
                long start = Long.parseUnsignedLong(range[0], 16);
                byte[] bytes = new byte[(int) (Long.parseUnsignedLong(range[1], 16) - start)];
                memory.seek(start);
                memory.readFully(bytes);
                if (new String(bytes, StandardCharsets.ISO_8859_1).contains(CANARY)) {
                    return true;
                }
            }
            return false;
        }
    }
}
