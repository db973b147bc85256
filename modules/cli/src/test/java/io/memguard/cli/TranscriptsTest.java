package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.crash.Filetrace;
import io.memguard.guides.Block;
import io.memguard.os.DurableFile;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What docs/KEY-LIFECYCLE.md shows operators, run as they would: each command says what stands below it. */
class TranscriptsTest {
    private static final String PROMPT = "$ ";
    private static final String KILLED = "# killed in the middle";

    @TempDir
    Path temporary;

    private Path store = Path.of("");
    private Map<String, String> environment = Map.of();

    @BeforeEach
    void files() throws IOException {
        store = temporary.resolve("store");
        for (String name : List.of("passphrase", "new", "other", "mistyped")) {
            Files.writeString(
                    Files.createFile(temporary.resolve(name), DurableFile.OWNER_ONLY), "the passphrase " + name);
        }
        environment = Map.of(
                "MEMGUARD_DIR",
                store.toString(),
                "MEMGUARD_PASSPHRASE_FILE",
                temporary.resolve("passphrase").toString());
    }

    /** The commands of a block, each with what it says, in one line. */
    private static List<List<String>> commands(int number) throws IOException {
        var blocks = Block.of("docs/KEY-LIFECYCLE.md").stream()
                .filter(block -> block.language().equals("text") && block.text().startsWith(PROMPT))
                .toList();
        assertEquals(3, blocks.size(), "a transcript was added: run it here");
        return Arrays.stream(
                        blocks.get(number - 1).text().substring(PROMPT.length()).split("(?m)^\\$ "))
                .map(part -> part.split("\n", 2))
                .map(part -> List.of(part[0], part[1].strip()))
                .toList();
    }

    private void run(List<String> command, Map<String, String> more, String... replaced) throws Exception {
        String line = command.getFirst();
        for (int i = 0; i < replaced.length; i += 2) {
            line = line.replace(replaced[i], replaced[i + 1]);
        }
        if (line.endsWith(KILLED)) {
            killed(line.substring("memguard ".length(), line.length() - KILLED.length())
                    .strip()
                    .split(" "));
            return;
        }
        String memguard = "memguard() { '" + String.join("' '", Cli.command()) + "' \"$@\"; }\nexec 2>&1\n";
        var result = new Cli(environment)
                .with(more)
                .runCommand(List.of("env", "-C", temporary.toString(), "bash", "-c", memguard + line), NOTHING);
        String wanted = Arrays.stream(command.get(1).replaceAll("\\s+", " ").split("…", -1))
                .map(Pattern::quote)
                .collect(Collectors.joining(".*"));
        String said = result.text().strip().replaceAll("\\s+", " ");
        assertTrue(said.matches(wanted), line + "\nsays: " + said + "\nand not: " + command.get(1));
    }

    /** Kills it behind the half of what it changes; a copy of the store tells how much that is. */
    private void killed(String... command) throws Exception {
        Path copy = temporary.resolve("copy of the store");
        new Cli(Map.of()).runCommand(List.of("cp", "-a", store.toString(), copy.toString()), NOTHING);
        String whole = main(copy, 0, command);
        var changes = Pattern.compile("status 0 after (\\d+)\\R?$").matcher(whole);
        assertTrue(changes.find(), whole);
        String half = main(store, Long.parseLong(changes.group(1)) / 2, command);
        assertFalse(half.contains("status"), half);
        new Cli(Map.of()).runCommand(List.of("rm", "-r", copy.toString()), NOTHING);
    }

    private String main(Path place, long change, String... command) throws Exception {
        var before = new ArrayList<>(Filetrace.environment(place, null, 0));
        before.add("MEMGUARD_DIR=" + place);
        before.add("MEMGUARD_PASSPHRASE_FILE=" + temporary.resolve("passphrase"));
        var arguments = new ArrayList<>(List.of(Long.toString(change)));
        for (String word : command) { // a file of the operator's
            Path file = temporary.resolve(word);
            arguments.add(Files.isRegularFile(file) ? file.toString() : word);
        }
        try (var child = ChildJvm.start(KilledMain.class, before, arguments)) {
            String said = child.rest();
            assertEquals(change == 0 ? 0 : 137, child.exitCode(), said);
            return said;
        }
    }

    private void storeThree() throws Exception {
        var cli = new Cli(environment);
        for (String name : List.of("api/token", "db/password", "db/user")) {
            assertEquals(
                    0,
                    cli.run(name.getBytes(StandardCharsets.UTF_8), "store", name)
                            .status());
        }
    }

    private void init(String... options) throws Exception {
        var arguments = new ArrayList<>(List.of("init"));
        arguments.addAll(List.of(options));
        var made = new Cli(environment).run(NOTHING, arguments.toArray(String[]::new));
        assertEquals(0, made.status(), made.error());
    }

    @Test
    void anInterruptedChangeIsContinued() throws Exception {
        init();
        storeThree();
        for (var command : commands(1)) {
            run(command, Map.of());
        }
    }

    @Test
    void aChangeToAMistypedPassphraseIsGivenUp() throws Exception {
        init();
        storeThree();
        killed("rekey", "--to", "software", "--new-passphrase-file", "mistyped");
        for (var command : commands(2)) {
            run(command, Map.of());
        }
        run(List.of("memguard list --passphrase-file new", "api/token db/password db/user"), Map.of());
    }

    @Test
    void aCopyKeepsWhatTheOriginalNeeds() throws Exception {
        var hsm = new SoftHsm(temporary.resolve("hsm"));
        var token = hsm.token("hsm");
        String key = token.uriWithPin("app");
        environment = Map.of(
                "MEMGUARD_DIR",
                store.toString(),
                "SOFTHSM2_CONF",
                hsm.environment().get("SOFTHSM2_CONF"));
        init("--keys", key);
        new Cli(Map.of())
                .runCommand(
                        List.of(
                                "cp",
                                "-a",
                                store.toString(),
                                temporary.resolve("copy").toString()),
                        NOTHING);
        for (var command : commands(3)) {
            run(command, Map.of(), "pkcs11:…", "'" + key + "'");
        }
        var original = new Cli(environment).run(NOTHING, "list", "--keys", key);
        assertEquals(0, original.status(), original.error());
    }
}
