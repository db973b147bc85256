package io.memguard.cli;

import static io.memguard.cli.NewStore.*;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.crash.Filetrace;
import io.memguard.process.ChildJvm;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputTest {
    @TempDir
    Path temporary = Path.of("");

    private NewStore store;

    @BeforeEach
    void init() throws Exception {
        store = NewStore.in(temporary);
    }

    @Test
    void aFileIsReplacedOnlyByForceAndBecomesPrivate() throws Exception {
        store.done(new byte[] {0, 1, 2}, "store", "a");
        Path folder = Files.createDirectory(temporary.resolve("folder"));
        Path file = Files.writeString(folder.resolve("out"), "before");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));

        assertError(74, "exists already", store.run("retrieve", "a", "--output", file.toString()));
        assertEquals("before", Files.readString(file));

        assertEquals(
                0,
                store.run("retrieve", "a", "--force", "--output", file.toString())
                        .status());
        assertArrayEquals(new byte[] {0, 1, 2}, Files.readAllBytes(file));
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        assertEquals(List.of(file), list(folder));

        assertError(74, "exists already", store.run("retrieve", "a", "--force", "--output", "/dev/null"));
        assertError(
                74,
                "no such file",
                store.run("retrieve", "a", "--output", folder.resolve("x/y").toString()));
    }

    /** The file that is written is made after the secret was found, and before its value is read. */
    @Test
    void aSecretThatIsDeletedMeanwhileIsNotFound() throws Exception {
        store.done(NOTHING, "store", "a", "--allow-empty");
        Path folder = Files.createDirectory(temporary.resolve("folder"));
        var environment = new ArrayList<>(Filetrace.environment(folder, null, 0));
        environment.add("MEMGUARD_DIR=" + temporary.resolve("store"));
        environment.add("MEMGUARD_PASSPHRASE_FILE=" + store.passphrase());
        var arguments =
                List.of("retrieve", "a", "--output", folder.resolve("out").toString());
        try (var child = ChildJvm.start(StoppedMain.class, environment, arguments)) {
            child.awaitStop();
            store.done(NOTHING, "delete", "a");
            child.resume();
            String said = child.rest();
            assertEquals(1, child.exitCode(), said);
            assertTrue(said.endsWith("memguard: not found\n"), said);
        }
        assertEquals(List.of(), list(folder));
    }

    @Test
    void outputGoesWhereTheCallersPositionIs() throws Exception {
        store.done("b".getBytes(StandardCharsets.UTF_8), "store", "a");
        Path file = temporary.resolve("file");
        store.shell("{ printf a; memguard retrieve a; printf c; } >" + file + "; memguard retrieve a >>" + file);
        assertEquals("abcb", Files.readString(file));
    }

    @Test
    void aTerminalGetsTextButNoCommands() throws Exception {
        store.done("pass wörd\n".getBytes(StandardCharsets.UTF_8), "store", "text");
        store.done(new byte[] {'a', 27, ']'}, "store", "escape");
        var text = store.onTerminal("retrieve", "text");
        assertEquals("pass wörd\r\n", text.text());
        var escape = store.onTerminal("retrieve", "escape");
        assertEquals(19, escape.status(), escape.text());
        assertTrue(escape.text().startsWith("memguard: ") && escape.text().contains("--output"), escape.text());
        assertFalse(escape.text().contains("\033"), "sent to the terminal");
        assertArrayEquals(
                new byte[] {'a', 27, ']'}, store.run("retrieve", "escape").out());
    }

    @Test
    void namesDoNotCommandTheTerminalNorLookLikeOthers() throws Exception {
        store.done(NOTHING, "store", "a\033[2J\u202eb", "--allow-empty");
        assertEquals("a\\u001b[2J\\u202eb\n", store.run("list").text());
        assertEquals("[\"a\\u001b[2J\\u202eb\"]\n", store.run("list", "--json").text());
    }

    @Test
    void initTellsWhatItMadeAsJson() throws Exception {
        var result =
                store.run("init", "--json", "--dir", temporary.resolve("other").toString());
        assertTrue(
                result.text()
                        .matches("\\{\"store_id\": \"[0-9a-f]{32}\", \"provider\": \"software\","
                                + " \"mode\": \"envelope\", \"format_version\": 1}\n"),
                result.text());
    }

    @Test
    void aLibraryThatIsMissingIsOneLineThatNamesIt() throws Exception {
        String classPath = String.join(
                ":",
                Stream.of(Cli.command().get(Cli.command().indexOf("-p") + 1).split(":"))
                        .filter(entry -> !entry.contains("bcprov"))
                        .toList());
        var result = store.cli()
                .runCommand(
                        List.of(
                                Cli.command().getFirst(),
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                classPath,
                                "io.memguard.cli.Main",
                                "init", // Only who makes a container needs Bouncy Castle.
                                "--dir",
                                temporary.resolve("another").toString()),
                        NOTHING);
        assertError(11, "needs Bouncy Castle", result);
    }

    private static List<Path> list(Path folder) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }
}
