package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.tokens.SoftHsm;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The detection of rollbacks from the command line: a software keystore, and its records in a token. */
class RecordsCliTest {
    @TempDir
    Path temporary = Path.of("");

    private Map<String, String> environment = Map.of();
    private SoftHsm.Token token;

    @BeforeEach
    void token() throws Exception {
        var hsm = new SoftHsm(temporary.resolve("hsm"));
        token = hsm.token("app");
        Path passphrase = Files.writeString(temporary.resolve("passphrase"), "correct horse");
        Files.setPosixFilePermissions(passphrase, PosixFilePermissions.fromString("rw-------"));
        var all = new HashMap<>(hsm.environment());
        all.put("MEMGUARD_DIR", temporary.resolve("store").toString());
        all.put("MEMGUARD_PASSPHRASE_FILE", passphrase.toString());
        environment = Map.copyOf(all);
    }

    private Cli guarded() {
        var all = new HashMap<>(environment);
        all.put("MEMGUARD_RECORDS", token.uriWithPin("records"));
        return new Cli(all);
    }

    private static void done(Cli.Result result) {
        assertEquals(0, result.status(), result.error());
    }

    private Path value() throws Exception {
        try (Stream<Path> files = Files.list(temporary.resolve("store/memguard_secure"))) {
            return files.filter(file -> file.toString().endsWith(".dat"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    @Test
    void anOlderFileIsFoundOutAcceptedAndNoLongerDetectedInTheEnd() throws Exception {
        Path old = temporary.resolve("old");
        done(guarded().run(NOTHING, "init"));
        done(guarded().run("old".getBytes(StandardCharsets.UTF_8), "store", "a"));
        Files.copy(value(), old);
        done(guarded().run("new".getBytes(StandardCharsets.UTF_8), "store", "a"));
        Files.copy(old, value(), StandardCopyOption.REPLACE_EXISTING);

        var refused = guarded().run(NOTHING, "retrieve", "a");
        assertEquals(11, refused.status(), refused.error());
        assertEquals("", refused.text());
        assertTrue(refused.error().contains("an older state was put back"), refused.error());
        var doctor = guarded().run(NOTHING, "doctor", "--verify");
        assertEquals(1, doctor.status());
        assertTrue(doctor.text().contains("not in the state that was stored last"), doctor.text());
        var without = new Cli(environment).run(NOTHING, "list");
        assertEquals(11, without.status());
        assertTrue(without.error().contains("MEMGUARD_RECORDS"), without.error());

        var accepted = guarded().run(NOTHING, "records", "accept");
        done(accepted);
        assertTrue(accepted.error().contains("1 secrets were recorded otherwise before"), accepted.error());
        assertEquals("old", guarded().run(NOTHING, "retrieve", "a").text());
        done(guarded().run(NOTHING, "records", "disable"));
        assertEquals("old", new Cli(environment).run(NOTHING, "retrieve", "a").text());
    }

    @Test
    void aStoreWithRecordsSwitchesToAKeyInTheirToken() throws Exception {
        done(guarded().run(NOTHING, "init"));
        done(guarded().run("value".getBytes(StandardCharsets.UTF_8), "store", "a"));
        done(guarded().run(NOTHING, "rekey", "--to", token.uriWithPin("key")));
        var there = guarded().run(NOTHING, "retrieve", "--keys", token.uriWithPin("key"), "a");
        assertEquals("value", there.text(), there.error());
        assertEquals(10, guarded().run(NOTHING, "retrieve", "a").status(), "the passphrase opens it no longer");
        assertEquals(
                11,
                new Cli(environment)
                        .run(NOTHING, "list", "--keys", token.uriWithPin("key"))
                        .status());
    }

    @Test
    void theCommandSaysWhatItNeeds() throws Exception {
        done(new Cli(environment).run(NOTHING, "init"));
        for (String what : new String[] {"accept", "disable", "end"}) {
            var result = new Cli(environment).run(NOTHING, "records", what);
            assertEquals(19, result.status(), result.error());
            assertTrue(result.error().contains("MEMGUARD_RECORDS"), result.error());
        }
        assertEquals(2, guarded().run(NOTHING, "records").status());
    }
}
