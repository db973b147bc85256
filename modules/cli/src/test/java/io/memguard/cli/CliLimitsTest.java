package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits of the command line at one less, at the limit, and at one more: the value byte for byte, or one line with the way out. */
class CliLimitsTest {
    private static final int VARIABLE = 32 * 4096 - 2; // name and value
    private static final int PIPE = 1 << 20;

    @TempDir
    static Path temporary;

    private static NewStore store;

    @BeforeAll
    static void prepare() throws IOException {
        Path passphrase = Files.writeString(temporary.resolve("passphrase"), "correct horse");
        Files.setPosixFilePermissions(passphrase, PosixFilePermissions.fromString("rw-------"));
        Path directory = temporary.resolve("store");
        try (var guard = MemGuard.at(directory)
                .keys(SoftwareKeys.passphrase(SecretSources.file(passphrase)).cost(1, 8 << 20))
                .open()) {
            for (int size : new int[] {50_000, VARIABLE - 2, VARIABLE - 1, VARIABLE, PIPE - 1, PIPE, PIPE + 1}) {
                try (var value = Secrets.text("x".repeat(size))) {
                    guard.store("v" + size, value);
                }
            }
        }
        store = new NewStore(
                temporary,
                new Cli(Map.of(
                        "MEMGUARD_DIR", directory.toString(), "MEMGUARD_PASSPHRASE_FILE", passphrase.toString())));
    }

    private static void assertSays(String expected, String script) throws Exception {
        var result = store.shell(script);
        assertEquals(0, result.status(), script + ": " + result.error());
        assertEquals(expected + "\n", result.text(), script);
    }

    private static void assertRefused(int status, String part, String script) throws Exception {
        var result = store.shell(script);
        NewStore.assertError(status, part, result);
        MessagesTest.assertNoNoise(result.error());
    }

    @Test
    void aVariableHasUpTo128KiBWithItsName() throws Exception {
        for (int size : new int[] {VARIABLE - 2, VARIABLE - 1}) {
            assertSays("" + size, "memguard exec --env A=v" + size + " -- sh -c 'echo ${#A}'");
        }
        assertRefused(19, "use --fd or --memfd", "memguard exec --env A=v" + VARIABLE + " -- echo ran");
        // No single one is too long, but all together are.
        assertRefused(
                126,
                "raise ulimit -s",
                "ulimit -s 512; memguard exec --env A=v50000 --env B=v50000 --env C=v50000 -- echo ran");
    }

    /** Nobody reads while it is filled: it is as large as the value. */
    @Test
    void aPipeHasUpToItsLargestSize() throws Exception {
        assertSays(
                (PIPE - 1) + " " + PIPE,
                "memguard exec --fd 3=v" + (PIPE - 1) + " --fd 9=v" + PIPE
                        + " -- sh -c 'echo $(tr -d -c x <&3 | wc -c) $(tr -d -c x <&9 | wc -c)'");
        assertSays("" + (PIPE + 1), "memguard exec --memfd 3=v" + (PIPE + 1) + " -- sh -c 'tr -d -c x <&3 | wc -c'");
        var more = store.shell("memguard exec --fd 3=v" + (PIPE + 1) + " -- sh -c 'tr -d -c x <&3 | wc -c'");
        if (more.status() == 0) { // Of a user above the limit (CAP_SYS_RESOURCE), or one that was raised.
            assertEquals((PIPE + 1) + "\n", more.text());
        } else {
            NewStore.assertError(19, "use --memfd", more);
        }
    }

    @Test
    void aFileToImportHasUpTo64MiB() throws Exception {
        String password = " --password-file passphrase";
        for (int size : new int[] {(64 << 20) - 1, 64 << 20}) {
            assertRefused(10, "PKCS #12", "truncate -s " + size + " file; memguard import pkcs12 file" + password);
        }
        assertRefused(
                74,
                "longer than 67108864 bytes",
                "truncate -s " + ((64 << 20) + 1) + " file; memguard import pkcs12 file" + password);
    }

    @Test
    void pathsNamesAndIdsThatAreTooLongAreSaidToBe() throws Exception {
        assertRefused(14, "File name too long", "memguard init --dir $(printf d%.0s {1..256})");
        assertRefused(14, "File name too long", "memguard init --dir ./$(printf d/%.0s {1..2100})");
        assertRefused(19, "longer than 1024 bytes", "memguard store $(printf n%.0s {1..1025}) --file passphrase");
        assertRefused(
                2, "--credential takes", "memguard exec --credential $(printf i%.0s {1..256})=v50000 -- echo ran");
    }
}
