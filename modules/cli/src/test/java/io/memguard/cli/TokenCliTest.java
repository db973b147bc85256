package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static io.memguard.cli.NewStore.assertError;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line on stores whose key is in a token; each run is a process of its own. */
class TokenCliTest {
    @TempDir
    Path temporary;

    private SoftHsm hsm;
    private SoftHsm.Token token;

    @BeforeEach
    void token() {
        hsm = new SoftHsm(temporary.resolve("hsm"));
        token = hsm.token("app");
    }

    private Cli cli(Map<String, String> more) {
        var environment = new HashMap<>(hsm.environment());
        environment.put("MEMGUARD_DIR", temporary.resolve("store").toString());
        environment.putAll(more);
        return new Cli(environment);
    }

    private Cli cli() {
        return cli(Map.of("MEMGUARD_KEYS", token.uriWithPin("key")));
    }

    private static Cli.Result done(Cli.Result result) {
        assertEquals(0, result.status(), result.error());
        return result;
    }

    @Test
    void everyCommandWorksOnAToken() throws Exception {
        var cli = cli();
        var made = done(cli.run(NOTHING, "init", "--json"));
        assertTrue(made.text().contains("\"provider\": \"pkcs11\", \"mode\": \"direct\""), made.text());
        done(cli.run("value\n".getBytes(StandardCharsets.UTF_8), "store", "db/password"));
        assertEquals(
                "value\n", done(cli.run(NOTHING, "retrieve", "db/password")).text());
        done(cli.run(NOTHING, "contains", "db/password"));
        assertEquals("db/password\n", done(cli.run(NOTHING, "list")).text());
        assertTrue(done(cli.run(NOTHING, "stats")).text().contains("items_count"));
        done(cli.run(NOTHING, "delete", "db/password"));
        assertEquals(1, cli.run(NOTHING, "contains", "db/password").status());
        done(cli.run(NOTHING, "cleanup", "--yes"));
        assertFalse(token.tool("--list-objects").contains("label:      key"));
    }

    @Test
    void thePinComesFromAFileADescriptorOrACredential() throws Exception {
        done(cli(Map.of())
                .run(
                        NOTHING,
                        "init",
                        "--keys",
                        token.uri("key"),
                        "--pin-file",
                        token.pinFile().toString()));
        done(cli(Map.of())
                .run(
                        (SoftHsm.PIN + "\n").getBytes(StandardCharsets.UTF_8),
                        "list",
                        "--keys",
                        token.uri("key"),
                        "--pin-fd",
                        "0"));
        Path credentials = Files.createDirectory(temporary.resolve("credentials"));
        Files.move(token.pinFile(), credentials.resolve("pin"));
        done(cli(Map.of("CREDENTIALS_DIRECTORY", credentials.toString()))
                .run(NOTHING, "list", "--keys", token.uri("key"), "--pin-credential", "pin"));
        done(cli(Map.of("MEMGUARD_PIN_FILE", credentials.resolve("pin").toString()))
                .run(NOTHING, "list", "--keys", token.uri("key")));
        assertError(
                19,
                "one of the --pin options",
                cli(Map.of()).run(NOTHING, "list", "--keys", token.uri("key"), "--pin-fd", "0", "--pin-file", "/x"));
        assertError(
                2,
                "standard input can't be both",
                cli(Map.of()).run(NOTHING, "store", "a", "--keys", token.uri("key"), "--pin-fd", "0"));
    }

    @Test
    void aScriptWithAWrongPinDoesNotLockTheToken() throws Exception {
        done(cli().run(NOTHING, "init"));
        String wrong = token.uri("key") + "&pin-source=file:" + token.pinFile("999999");
        var cli = cli(Map.of("MEMGUARD_KEYS", wrong));
        assertError(10, "PIN is wrong", cli.run(NOTHING, "list"));
        var second = cli.run(NOTHING, "list");
        assertError(10, "has refused this PIN before", second);
        token.changePin("999999"); // The token was corrected, not the file, and its count begins anew.
        done(cli.run(NOTHING, "list"));
    }

    @Test
    void aSunPkcs11ConfigurationNamesTheToken() throws Exception {
        Path file = Files.writeString(
                temporary.resolve("sun.cfg"), "name = App\nlibrary = " + SoftHsm.module() + "\nslotListIndex = 0\n");
        String pin = token.pinFile().toString();
        done(cli(Map.of()).run(NOTHING, "init", "--keys", "sunpkcs11:" + file + "#other", "--pin-file", pin));
        done(cli(Map.of()).run(NOTHING, "list", "--keys", "sunpkcs11:" + file + "#other", "--pin-file", pin));
        assertTrue(token.tool("--list-objects").contains("label:      other"));
    }

    @Test
    void ofSeveralKeysTheFirstThatWorksIsTaken() throws Exception {
        Path passphrase = token.pinFile("a passphrase");
        var arguments = List.of(
                "--keys",
                "pkcs11:token=none?module-path=" + SoftHsm.module() + "&pin-source=file:" + token.pinFile(),
                "--keys",
                "software",
                "--passphrase-file",
                passphrase.toString());
        var all = new java.util.ArrayList<>(List.of("init", "--json"));
        all.addAll(arguments);
        var made = done(cli(Map.of()).run(NOTHING, all.toArray(String[]::new)));
        assertTrue(made.text().contains("\"software\""), made.text());
        assertTrue(made.error().contains("'pkcs11' can't make the key"), made.error());
    }

    @Test
    void tokenListShowsWhatToPutIntoKeys() throws Exception {
        var list = done(cli(Map.of())
                .run(NOTHING, "token", "list", "--module", SoftHsm.module().toString()));
        String uri = list.text()
                .lines()
                .filter(line -> line.contains("token=app;"))
                .findFirst()
                .orElseThrow();
        assertTrue(list.text().contains("SoftHSM"), list.text());
        assertTrue(list.text().contains("envelope, direct"), list.text());
        assertTrue(list.text().contains("not initialized"), list.text());
        String whole = uri.replace("?", ";object=key?") + "&pin-source=file:" + token.pinFile();
        done(cli(Map.of()).run(NOTHING, "init", "--keys", whole));
        var json = done(cli(Map.of())
                .run(
                        NOTHING,
                        "token",
                        "list",
                        "--json",
                        "--module",
                        SoftHsm.module().toString()));
        assertTrue(json.text().startsWith("[{\"uri\": \"pkcs11:token="), json.text());
        assertTrue(json.text().contains("\"makes\": [\"envelope\", \"direct\"]"), json.text());
    }

    @Test
    void aTokenThatTwoPathsLeadToIsListedOnce() throws Exception {
        Path link = Files.createSymbolicLink(temporary.resolve("link.so"), SoftHsm.module());
        Path copy = Files.copy(SoftHsm.module(), temporary.resolve("copy.so"));
        String module = SoftHsm.module().toString();
        var list = done(cli(Map.of())
                .run(
                        NOTHING,
                        "token",
                        "list",
                        "--module",
                        module,
                        "--module",
                        link.toString(),
                        "--module",
                        copy.toString()));
        assertEquals(
                1,
                list.text().lines().filter(line -> line.contains("token=app;")).count(),
                list.text());
        assertFalse(list.text().contains(link.toString()), list.text());
    }

    @Test
    void tokenListShowsWhatTheUriOfKeysFits() throws Exception {
        hsm.token("other");
        var cli = cli(Map.of());
        var all = done(cli.run(NOTHING, "token", "list"));
        assertTrue(all.text().contains("token=other;") && all.text().contains("token=app;"), all.text());
        var one = done(cli.run(NOTHING, "token", "list", "--keys", "pkcs11:token=app;library-manufacturer=SoftHSM"));
        assertEquals(
                1, one.text().lines().filter(line -> line.startsWith("pkcs11:")).count(), one.text());
        assertTrue(one.text().startsWith("pkcs11:token=app;"), one.text());
        String module = SoftHsm.module().toString();
        assertError(
                10,
                "no token fits --keys",
                cli.run(NOTHING, "token", "list", "--module", module, "--keys", "pkcs11:token=none"));
        assertError(19, "takes --keys pkcs11:", cli.run(NOTHING, "token", "list", "--keys", "software"));
    }

    @Test
    void aModuleThatIsNoneSaysSo() throws IOException, InterruptedException {
        assertError(
                19, "no PKCS #11 module", cli(Map.of()).run(NOTHING, "token", "list", "--module", "/nonexistent.so"));
        assertError(
                19,
                "is no PKCS #11 module",
                cli(Map.of()).run(NOTHING, "token", "list", "--module", "/lib/x86_64-linux-gnu/libm.so.6"));
        Path text = Files.writeString(temporary.resolve("text.so"), "no library");
        assertError(19, "can't be loaded", cli(Map.of()).run(NOTHING, "token", "list", "--module", text.toString()));
        assertError(
                19, "there is no key provider 'nonsense'", cli(Map.of()).run(NOTHING, "list", "--keys", "nonsense"));
    }
}
