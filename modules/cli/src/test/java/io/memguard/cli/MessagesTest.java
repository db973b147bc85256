package io.memguard.cli;

import static io.memguard.cli.NewStore.*;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.tokens.SoftHsm;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What the command line says where something is wrong. */
class MessagesTest {
    private static final List<String> NOISE =
            List.of("null", "/proc/self/fd", "()", "Exception", "LinkageError", "\tat ", "java.", "a bug");

    @TempDir
    Path temporary = Path.of("");

    private static void assertClear(Cli.Result result, String command) {
        assertNotEquals(0, result.status(), command);
        assertEquals(1, result.error().lines().count(), command + ": " + result.error());
        assertNoNoise(result.error());
    }

    /** Nothing of the program is in what a user reads. */
    static void assertNoNoise(String said) {
        NOISE.forEach(noise -> assertFalse(said.contains(noise), said));
    }

    @Test
    void noErrorHasTracesOfTheProgramInIt() throws Exception {
        var store = NewStore.in(temporary);
        for (String command : List.of(
                "store a </dev/null",
                "store a --file /",
                "store a --file nothing",
                "retrieve a --output /nowhere/x",
                "list --dir /proc/version",
                "list --dir nothing",
                "list --keys pkcs11:token=x",
                "list --keys sunpkcs11:nothing",
                "list --passphrase-file nothing",
                "list --passphrase-file /",
                "list --passphrase-fd 77",
                "list --passphrase-fd -1",
                "list --passphrase-fd x",
                "init --dir /proc/x",
                "exec --fd 3=a -- true",
                "token",
                "lsit",
                "retrieve a --direct --output x")) {
            assertClear(store.shell("memguard " + command), command);
        }
    }

    @Test
    void aWarningOfTheLibraryIsOneLine() throws Exception {
        var store = NewStore.in(temporary);
        var result = store.shell("memguard list --keys 'pkcs11:object=a?module-om=b'");
        var lines = result.error().lines().toList();
        assertEquals(2, lines.size(), result.error());
        assertEquals("memguard: not known in a PKCS #11 URI, and left out: [module-om]", lines.getFirst());
        assertTrue(lines.getLast().startsWith("memguard: "), result.error());
    }

    @Test
    void withoutATerminalTheOptionsForJustThatSecretAreNamed() throws Exception {
        var store = NewStore.in(temporary);
        for (String command : List.of("rekey --to software", "rekey --to software:other")) {
            var result = store.shell("setsid --wait \"${memguard[@]}\" " + command + " </dev/null");
            assertClear(result, command);
            assertEquals(19, result.status(), result.error());
            assertTrue(
                    result.error()
                            .contains(
                                    "there is no terminal to ask for the new passphrase; give --new-passphrase-file FILE,"
                                            + " or MEMGUARD_NEW_PASSPHRASE_FILE=FILE"),
                    result.error());
        }
    }

    @Test
    void anEmptyValueIsStoredOnlyWhereItIsMeant() throws Exception {
        var store = NewStore.in(temporary);
        store.done("good".getBytes(StandardCharsets.UTF_8), "store", "db/password");
        for (String script : List.of(
                "false | memguard store db/password",
                "memguard store db/password </dev/null",
                ": >empty; memguard store db/password --file empty")) {
            assertError(19, "--allow-empty", store.shell(script));
        }
        assertEquals("good", store.run("retrieve", "db/password").text());
        store.done(NOTHING, "store", "db/password", "--allow-empty");
        assertEquals("", store.run("retrieve", "db/password").text());
        var hint = store.done("typed\n".getBytes(StandardCharsets.UTF_8), "store", "db/password");
        assertTrue(hint.error().contains("ends with a line break"), hint.error());
        assertEquals("typed\n", store.run("retrieve", "db/password").text());
        assertError(2, "byte order mark", store.run("store", "\ufeffname"));
    }

    @Test
    void aTerminalGetsALineEndAndNothingElseDoes() throws Exception {
        var store = NewStore.in(temporary);
        store.done("value".getBytes(StandardCharsets.UTF_8), "store", "a");
        assertEquals("value\r\n", store.onTerminal("retrieve", "a").text());
        assertEquals("value", store.run("retrieve", "a").text());
        assertEquals("value", store.run("retrieve", "a", "--direct").text());
        assertEquals("a\n", store.run("list", "a").text());
        assertEquals("", store.run("list", "b").text());
    }

    @Test
    void anErrorAboutTheKeyNamesItsProvider() throws Exception {
        var store = NewStore.in(temporary);
        var hsm = new SoftHsm(temporary.resolve("hsm"));
        var token = hsm.token("app");
        var moved = store.with(hsm.environment()).run("rekey", "--to", token.uriWithPin("key"));
        assertEquals(0, moved.status(), moved.error());
        assertError(10, "give --keys 'pkcs11:token=", store.run("list"));
    }

    @Test
    void theListOfCommandsHasWholeSentences() {
        whole(new Main().allCommands()).forEach(sentence -> assertTrue(sentence.endsWith("."), sentence));
    }

    private static Stream<String> whole(CommandLine line) {
        return line.getSubcommands().values().stream()
                .filter(command -> command.getCommandSpec().usageMessage().description().length > 0)
                .flatMap(command -> Stream.concat(
                        Stream.of(command.getCommandSpec().usageMessage().description()[0]), whole(command)));
    }
}
