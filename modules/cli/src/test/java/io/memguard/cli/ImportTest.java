package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static io.memguard.cli.NewStore.assertError;
import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.util.Map;
import org.jasypt.encryption.pbe.StandardPBEStringEncryptor;
import org.jasypt.iv.RandomIvGenerator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code import}: files of the real tools into a real store. */
class ImportTest {
    @TempDir
    Path temporary;

    private NewStore store;

    @BeforeEach
    void init() throws Exception {
        store = NewStore.in(temporary);
    }

    private Path secretFile(String name, String text) throws IOException {
        Path file = Files.writeString(temporary.resolve(name), text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    private static String encrypted(String value) {
        var jasypt = new StandardPBEStringEncryptor();
        jasypt.setAlgorithm("PBEWITHHMACSHA512ANDAES_256");
        jasypt.setIvGenerator(new RandomIvGenerator());
        jasypt.setPassword("jasypt's");
        return "ENC(" + jasypt.encrypt(value) + ")";
    }

    @Test
    void aJasyptFileIsImportedWholeOrNotAtAll() throws Exception {
        String password = secretFile("password", "jasypt's\n").toString();
        String wrong = secretFile("wrong", "jasypts").toString();
        String file = Files.writeString(
                        temporary.resolve("application.properties"),
                        "server.port=8080\ndb.password=" + encrypted("hunter2") + "\napi.key=" + encrypted("k\u00e9y"))
                .toString();
        String half = Files.writeString(
                        temporary.resolve("half.properties"), "a=" + encrypted("a") + "\nb=ENC(AAAAAAAAAAAA)")
                .toString();
        assertError(10, "number 1 of the file", store.run("import", "jasypt", file, "--password-file", wrong));
        assertError(10, "number 2 of the file", store.run("import", "jasypt", half, "--password-file", password));
        assertEquals("", store.run("list").text(), "nothing was stored");

        var done = store.run("import", "jasypt", file, "--password-file", password, "--prefix", "app/");
        assertEquals(0, done.status(), done.error());
        assertEquals("memguard: imported 2; 1 properties are not encrypted\n", done.error());
        assertEquals("app/api.key\napp/db.password\n", store.run("list").text());
        assertEquals("k\u00e9y", store.run("retrieve", "app/api.key").text());

        store.done("mine".getBytes(StandardCharsets.UTF_8), "store", "db.password");
        assertError(19, "1 of 2 names are stored", store.run("import", "jasypt", file, "--password-file", password));
        assertEquals("mine", store.run("retrieve", "db.password").text());
        store.done(NOTHING, "import", "jasypt", file, "--password-file", password, "--force");
        assertEquals("hunter2", store.run("retrieve", "db.password").text());
        assertError(2, "never an argument", store.run("import", "jasypt", file, "--password", "jasypt's"));
    }

    @Test
    void aYamlFileIsImportedByTheNamesOfSpringAndWhatIsLeftOutIsNamed() throws Exception {
        String password = secretFile("password", "jasypt's\n").toString();
        Path file = Files.writeString(
                temporary.resolve("application.yml"),
                "db:\n  password: " + encrypted("one") + " # ENC(old)\n  port: 1\nlist:\n- key: \"" + encrypted("two")
                        + "\"\n");
        var done = store.run("import", "jasypt", file.toString(), "--password-file", password);
        assertEquals(0, done.status(), done.error());
        assertEquals(
                "memguard: imported 2; 1 properties are not encrypted\nmemguard: left out: an ENC( in line 2 that is not"
                        + " the whole of a value; jasypt would not decrypt it either\n",
                done.error());
        assertEquals("one", store.run("retrieve", "db.password").text());
        assertEquals("two", store.run("retrieve", "list[0].key").text());
    }

    /** Which store, and whether it takes the names, is found out before a password is asked for and values are opened. */
    @Test
    void theStoreIsLookedAtBeforeTheValues() throws Exception {
        String password = secretFile("password", "jasypt's\n").toString();
        Path file = Files.writeString(temporary.resolve("a.properties"), "a=ENC(AAAAAAAAAAAA)\n");
        var nowhere =
                store.with(Map.of("MEMGUARD_DIR", temporary.resolve("nowhere").toString()));
        var failed = nowhere.run("import", "jasypt", file.toString(), "--password-file", password);
        assertTrue(failed.error().contains("nowhere"), failed.error());
        assertError(10, "line 1", store.run("import", "jasypt", file.toString(), "--password-file", password));
        assertError(
                19,
                "line 1: the name is longer",
                store.run(
                        "import",
                        "jasypt",
                        file.toString(),
                        "--password-file",
                        password,
                        "--prefix",
                        "p".repeat(1024)));
    }

    @Test
    void aKeystoreOfKeytoolIsImported() throws Exception {
        Path file = temporary.resolve("keys.p12");
        String password = secretFile("password", "changeit").toString();
        keytool("hunter2\nhunter2\n", "-importpass", "-alias", "db-password", "-keystore", file.toString());
        keytool("", "-genseckey", "-alias", "aes", "-keyalg", "AES", "-keysize", "256", "-keystore", file.toString());
        keytool("", "-genkeypair", "-alias", "tls", "-keyalg", "EC", "-dname", "CN=a", "-keystore", file.toString());
        var certificate = temporary.resolve("a.crt").toString();
        keytool("", "-exportcert", "-alias", "tls", "-file", certificate, "-keystore", file.toString());
        keytool("", "-importcert", "-noprompt", "-alias", "ca", "-file", certificate, "-keystore", file.toString());

        var done = store.run("import", "pkcs12", file.toString(), "--password-file", password);
        assertEquals(0, done.status(), done.error());
        assertEquals("memguard: imported 3; 2 certificates are left out\n", done.error());
        assertEquals("hunter2", store.run("retrieve", "db-password").text());
        var keys = KeyStore.getInstance(file.toFile(), "changeit".toCharArray());
        for (String alias : new String[] {"aes", "tls"}) {
            assertArrayEquals(
                    keys.getKey(alias, "changeit".toCharArray()).getEncoded(),
                    store.run("retrieve", alias).out());
        }
        String wrong = secretFile("wrong", "changeme").toString();
        assertError(
                10, "the password is wrong", store.run("import", "pkcs12", file.toString(), "--password-file", wrong));
        assertError(
                10,
                "no PKCS #12",
                store.run("import", "pkcs12", store.passphrase().toString(), "--password-file", password));
        assertError(
                74,
                "no such file",
                store.run("import", "pkcs12", temporary.resolve("absent").toString(), "--password-file", password));
        assertError(2, "import jasypt", store.run("import"));
    }

    private static void keytool(String in, String... arguments) throws Exception {
        var command = new java.util.ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
        command.addAll(java.util.List.of(arguments));
        command.addAll(java.util.List.of("-storetype", "PKCS12", "-storepass", "changeit"));
        var result = new Cli(Map.of()).runCommand(command, in.getBytes(StandardCharsets.UTF_8));
        assertEquals(0, result.status(), result.text() + result.error());
    }
}
