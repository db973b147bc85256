package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A store in a directory of its own, and the command line on it. */
record NewStore(Path temporary, Cli cli) {
    static final byte[] NOTHING = {};

    static NewStore in(Path temporary) throws IOException, InterruptedException {
        Path passphrase = temporary.resolve("passphrase");
        Files.writeString(passphrase, "correct horse battery staple\n");
        Files.setPosixFilePermissions(passphrase, PosixFilePermissions.fromString("rw-------"));
        var environment = Map.of(
                "MEMGUARD_DIR",
                temporary.resolve("store").toString(),
                "MEMGUARD_PASSPHRASE_FILE",
                passphrase.toString());
        var store = new NewStore(temporary, new Cli(environment));
        store.done(NOTHING, "init");
        return store;
    }

    Path passphrase() {
        return temporary.resolve("passphrase");
    }

    /** The same store for a command that sees these variables too. */
    NewStore with(Map<String, String> variables) {
        return new NewStore(temporary, cli.with(variables));
    }

    Cli.Result run(String... arguments) throws IOException, InterruptedException {
        return cli.run(NOTHING, arguments);
    }

    /** Runs a command that has to succeed. */
    Cli.Result done(byte[] in, String... arguments) throws IOException, InterruptedException {
        var result = cli.run(in, arguments);
        assertEquals(0, result.status(), result.error());
        return result;
    }

    /** Runs a script in which {@code memguard} is the command line, {@code "${memguard[@]}"} for exec and programs. */
    Cli.Result shell(String script) throws IOException, InterruptedException {
        String command = "'" + String.join("' '", Cli.command()) + "'";
        String memguard =
                "memguard() { " + command + " \"$@\"; }\nmemguard=(" + command + ")\ncd '" + temporary + "'\n";
        return cli.runCommand(List.of("bash", "-c", memguard + script), NOTHING);
    }

    /** Runs a command with a terminal as its input and output; what it shows is the result's text. */
    Cli.Result onTerminal(String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(Cli.command());
        command.addAll(List.of(arguments));
        return cli.runCommand(List.of("script", "-qec", "'" + String.join("' '", command) + "'", "/dev/null"), NOTHING);
    }

    /** One line on standard error, nothing on standard output. */
    static void assertError(int status, String part, Cli.Result result) {
        assertEquals(status, result.status(), result.error());
        assertEquals("", result.text());
        assertTrue(result.error().startsWith("memguard: "), result.error());
        assertTrue(result.error().contains(part), result.error());
        assertEquals(1, result.error().lines().count(), result.error());
    }
}
