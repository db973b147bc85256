package io.memguard.cli;

import static io.memguard.cli.NewStore.*;
import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a passphrase comes from on the command line. */
class PassphraseCliTest {
    @TempDir
    Path temporary = Path.of("");

    private NewStore store;

    @BeforeEach
    void init() throws Exception {
        store = NewStore.in(temporary);
        store.done("value".getBytes(StandardCharsets.UTF_8), "store", "a");
    }

    private void done(String script) throws Exception {
        var result = store.shell("set -e; unset MEMGUARD_PASSPHRASE_FILE; P=" + store.passphrase() + "; " + script);
        assertEquals(0, result.status(), result.error());
        assertEquals("", result.error());
    }

    @Test
    void aPipeServesEachCommandFromBeginningToEnd() throws Exception {
        done("memguard rotate --passphrase-fd 4 4< <(cat $P)");
        done("memguard rotate --passphrase-file <(cat $P)");
        done("cat $P | memguard rotate --passphrase-fd 0");
        done("memguard rekey --passphrase-fd 4 --to software --new-passphrase-fd 5 4< <(cat $P) 5< <(echo another)");
        done("[ \"$(memguard retrieve a --passphrase-fd 9 9<<<another)\" = value ]");
    }

    @Test
    void aRekeyThatIsRepeatedWithPipesSaysThatItIsDone() throws Exception {
        String rekey = "memguard rekey --passphrase-fd 4 --to software --new-passphrase-fd 5 4< <(cat "
                + store.passphrase() + ") 5< <(echo another)";
        done(rekey);
        var again = store.shell("unset MEMGUARD_PASSPHRASE_FILE; " + rekey);
        assertEquals(0, again.status(), again.error());
        assertTrue(again.error().contains("already"), again.error());
    }

    /** Its file can't be opened by name: not by this user, or by nobody any more. */
    @Test
    void aDescriptorCountsNotItsName() throws Exception {
        done("cp $P copy; exec 4<copy; chmod 000 copy; rm copy; memguard list --passphrase-fd 4");
        done(
                "python3 -c \"import socket,sys,os; a,b=socket.socketpair(); a.send(open('$P','rb').read()); a.close();"
                        + " os.dup2(b.fileno(),9); os.execvp(sys.argv[1],sys.argv[1:])\" \"${memguard[@]}\" list --passphrase-fd 9");
        done("{ read -r skipped; memguard list --passphrase-fd 4 <&4; } 0< <(echo skipped) 4<$P");
        done("(echo not this; cat $P) >two; exec 4<two; read -r skipped <&4; memguard list --passphrase-fd 4");
    }

    @Test
    void aNumberThatIsNotOpenIsAnErrorOfUsage() throws Exception {
        for (String option : new String[] {"--passphrase-fd=87", "--passphrase-fd=3", "--passphrase-fd=4"}) {
            assertError(2, "is not open", store.run("list", option));
        }
        assertError(2, "87 is not open", store.run("rekey", "--to", "software", "--new-passphrase-fd", "87"));
        assertError(10, "empty", store.shell("memguard list --passphrase-fd 4 4</dev/null"));
    }

    @Test
    void whatIsNoPrivateFileGetsAdviceThatHelps() throws Exception {
        for (String file : new String[] {"/", "/dev/null", temporary.toString()}) {
            var result = store.run("list", "--passphrase-file", file);
            assertError(19, "not a file with a passphrase", result);
            assertFalse(result.error().contains("chmod"), result.error());
        }
        Path open = Files.writeString(temporary.resolve("open"), "x");
        store.shell("chmod 644 " + open);
        assertError(11, "chmod 600 " + open.toRealPath(), store.run("list", "--passphrase-file", open.toString()));
    }
}
