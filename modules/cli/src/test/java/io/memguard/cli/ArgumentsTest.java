package io.memguard.cli;

import static io.memguard.cli.NewStore.*;
import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArgumentsTest {
    @TempDir
    Path temporary = Path.of("");

    private NewStore store;

    @BeforeEach
    void init() throws Exception {
        store = NewStore.in(temporary);
    }

    @Test
    void namesAreUtf8InEveryLocale() throws Exception {
        var result = store.shell("""
                set -e
                export LC_ALL=C
                printf 1 | memguard store $'\\303\\244\\360\\235\\204\\236'
                printf 2 | memguard store $'\\303\\266\\360\\235\\204\\236'
                memguard retrieve $'\\303\\244\\360\\235\\204\\236'
                LC_ALL=POSIX LANG=xx_XX memguard retrieve $'\\303\\266\\360\\235\\204\\236'
                memguard list""");
        assertEquals("", result.error());
        assertEquals("12ä𝄞\nö𝄞\n", result.text());
    }

    @Test
    void whatIsNotUtf8IsRefusedAndNotReplaced() throws Exception {
        assertError(19, "not valid UTF-8", store.shell("memguard store $'\\377' </dev/null"));
        assertEquals("", store.run("list").text());
    }

    @Test
    void aPathThatTheLocaleCanNotExpressIsAnErrorThatSaysSo() throws Exception {
        for (String keys :
                List.of("software:/\u00e9", "sunpkcs11:/\u00e9", "pkcs11:?module-path=/x&pin-source=file:/%C3%A9")) {
            assertError(19, "LC_ALL=C.UTF-8", store.shell("LC_ALL=C memguard list '--keys=" + keys + "'"));
        }
        assertError(19, "LC_ALL=C.UTF-8", store.shell("MEMGUARD_DIR=/\u00e9 LC_ALL=C memguard list"));
    }

    @Test
    void aConfigurationWithoutAnEndIsNotRead() throws Exception {
        assertError(19, "not a regular file", store.run("list", "--keys=sunpkcs11:/dev/zero", "--pin-fd=0"));
    }

    @Test
    void namesThatMeanSomethingElsewhereAreNames() throws Exception {
        var names = List.of("--help", "-0", "@" + store.passphrase(), "list", "store", "${HOME}");
        for (String name : names) {
            store.done(name.getBytes(StandardCharsets.UTF_8), "store", "--", name);
        }
        assertEquals(
                String.join("\0", names.stream().sorted().toList()) + "\0",
                store.run("list", "-0").text());
        assertEquals("list", store.run("retrieve", "list").text());
    }

    @Test
    void usageErrorsRepeatNothingThatMayBeSecret() throws Exception {
        for (List<String> arguments : List.of(
                List.of("list", "--passphrase", "hunter2"),
                List.of("--passphrase=hunter2", "list"),
                List.of("store", "a", "--value=hunter2"),
                List.of("store", "a", "-phunter2"),
                List.of("retrieve", "a", "hunter2"))) {
            var result = store.run(arguments.toArray(String[]::new));
            assertError(2, "memguard --help", result);
            assertFalse(result.error().contains("hunter2"), result.error());
        }
    }

    @Test
    void oneStandardInputIsNotBothPassphraseAndValue() throws Exception {
        byte[] in = "correct horse battery staple".getBytes(StandardCharsets.UTF_8);
        for (String option : List.of("--passphrase-fd=0", "--passphrase-file=/dev/stdin")) {
            assertError(2, "--file", store.cli().run(in, "store", "a", option));
        }
        store.done(
                in,
                "store",
                "a",
                "--passphrase-fd=0",
                "--file",
                store.passphrase().toString());
        assertError(19, "one of", store.run("list", "--passphrase-fd=0", "--passphrase-credential=x"));
    }
}
