package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static io.memguard.cli.NewStore.assertError;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.os.DurableFile;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** rotate and rekey as a script runs them. */
class RotateCliTest {
    @TempDir
    Path temporary;

    private Path secretFile(String name, String text) throws IOException {
        Path file = Files.createFile(temporary.resolve(name), DurableFile.OWNER_ONLY);
        return Files.writeString(file, text);
    }

    @Test
    void rotateAndRekeyKeepEveryValue() throws Exception {
        var store = NewStore.in(temporary);
        for (int i = 0; i < 5; i++) {
            store.done(("value " + i).getBytes(StandardCharsets.UTF_8), "store", "name " + i);
        }
        store.done(NOTHING, "rotate");
        Path second = secretFile("second", "another passphrase");
        store.done(NOTHING, "rekey", "--to", "software", "--new-passphrase-file", second.toString());
        assertError(10, "passphrase is wrong", store.run("list"));
        for (int i = 0; i < 5; i++) {
            var result = store.run("retrieve", "name " + i, "--passphrase-file", second.toString());
            assertEquals("value " + i, result.text(), result.error());
        }
        var hsm = new SoftHsm(temporary.resolve("hsm"));
        var token = hsm.token("app");
        var cli = new Cli(Map.of(
                "SOFTHSM2_CONF", hsm.environment().get("SOFTHSM2_CONF"),
                "MEMGUARD_DIR", temporary.resolve("store").toString()));
        var moved = cli.run(NOTHING, "rekey", "--passphrase-file", second.toString(), "--to", token.uriWithPin("key"));
        assertEquals(0, moved.status(), moved.error());
        var read = cli.run(NOTHING, "retrieve", "name 3", "--keys", token.uriWithPin("key"));
        assertEquals("value 3", read.text(), read.error());
        var again = cli.run(NOTHING, "rotate", "--keys", token.uriWithPin("key"));
        assertEquals(0, again.status(), again.error());
    }

    @Test
    void aRekeyThatWasKilledAtItsVeryEndSaysThatItIsDone() throws Exception {
        var store = NewStore.in(temporary);
        store.done("value".getBytes(StandardCharsets.UTF_8), "store", "name");
        Path second = secretFile("second", "another passphrase");
        String[] rekey = {"rekey", "--to", "software", "--new-passphrase-file", second.toString()};
        store.done(NOTHING, rekey);
        var repeated = store.run(rekey);
        assertEquals(0, repeated.status(), repeated.error());
        assertTrue(repeated.error().contains("already uses that key"), repeated.error());
    }

    @Test
    void aWrongPassphraseOrNoTargetChangesNothing() throws Exception {
        var store = NewStore.in(temporary);
        Path wrong = secretFile("wrong", "wrong");
        Path second = secretFile("second", "second");
        assertError(10, "passphrase is wrong", store.run("rotate", "--passphrase-file", wrong.toString()));
        assertError(2, "--to", store.run("rekey"));
        assertError(
                10,
                "passphrase is wrong",
                store.run(
                        "rekey",
                        "--to",
                        "software",
                        "--passphrase-file",
                        wrong.toString(),
                        "--new-passphrase-file",
                        second.toString()));
        var tokens = new SoftHsm(temporary.resolve("hsm"));
        assertError(
                10,
                "no token",
                store.with(tokens.environment())
                        .run(
                                "rekey",
                                "--to",
                                "pkcs11:token=none?module-path=" + SoftHsm.module(),
                                "--new-pin-file",
                                second.toString()));
        store.done(NOTHING, "list");
    }

    @Test
    void theProgressLineTellsRateAndTimeLeft() {
        assertEquals(
                " 25 %  25000 of 100000 files  5000/s  0:15 left   ", ProgressBar.line("files", 25_000, 100_000, 5));
        assertEquals("  0 %  0 of 100000 files  0/s  0:00 left   ", ProgressBar.line("files", 0, 100_000, 0));
        assertEquals("100 %  0 of 0 files  0/s  0:00 left   ", ProgressBar.line("files", 0, 0, 0));
    }

    /** Ctrl-C, and what a system sends when it stops a service: what is so then, and how it goes on. */
    @Test
    void whoeverEndsAChangeOfTheKeyIsToldWhatIsSo() throws Exception {
        for (String signal : new String[] {"INT", "TERM"}) {
            for (boolean begun : new boolean[] {true, false}) {
                // A build in the background ignores SIGINT, and so would what it starts.
                try (var child = ChildJvm.start(
                        EndedKeyChange.class,
                        List.of("env", "--default-signal=" + signal),
                        begun ? List.of("begun") : List.of())) {
                    child.expect("ready");
                    new ProcessBuilder("kill", "-" + signal, Long.toString(child.pid()))
                            .start()
                            .waitFor();
                    assertEquals(
                            "memguard: interrupted " + (begun ? "after 3 of 10 files" : "at the start")
                                    + "; all secrets can be read and written; to finish: memguard rotate\n",
                            child.rest());
                    assertEquals(signal.equals("INT") ? 130 : 143, child.exitCode());
                }
            }
        }
    }
}
