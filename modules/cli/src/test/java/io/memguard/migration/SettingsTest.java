package io.memguard.migration;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jasypt.encryption.pbe.StandardPBEStringEncryptor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a configuration file has encrypted is an entry by Spring's name, or its line is named, or nothing is read. */
class SettingsTest {
    private static final JasyptFile.Scheme SCHEME = new JasyptFile.Scheme("PBEWithMD5AndDES", 1000);

    private static JasyptFile read(String name, String text, Format format, int document) {
        return JasyptFile.read(
                new JasyptFile.Source(name, text.getBytes(StandardCharsets.UTF_8), format, document),
                Secrets.text("jpw"),
                SCHEME);
    }

    private static List<String> names(JasyptFile file) {
        return file.entries().stream().map(Entry::name).toList();
    }

    private static String refused(String name, String text) {
        var failure = assertThrows(MemGuardException.class, () -> read(name, text, Format.BY_NAME, 0));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
        return failure.getMessage();
    }

    @Test
    void yamlNamesAreThoseOfSpring() {
        var file = read("application.yml", """
                # old: ENC(comment)
                spring:
                  datasource: {password: ENC(AA==), url: "jdbc:x"}   # behind ENC(it)
                list:
                  - ENC(AB==)
                  - name: a
                    key: 'ENC(AC==)'
                base: &base
                  password: ENC(AD==)
                  user: plain
                one:
                  <<: *base
                  user: other
                two: *base
                1: ENC(AE==)
                "2": ENC(AF==)
                "[a/b]": ENC(AG==)
                block: >-
                  ENC(AH
                  AI==)
                half: xENC(AA==)
                """, Format.BY_NAME, 0);
        assertEquals(
                List.of(
                        "spring.datasource.password",
                        "list[0]",
                        "list[1].key",
                        "base.password",
                        "one.password",
                        "two.password",
                        "[1]",
                        "2",
                        "[a/b]",
                        "block"),
                names(file));
        assertEquals(List.of(1, 3, 21), file.leftOut());
        assertEquals("line 7", file.entries().get(2).place());
    }

    @Test
    void theLinesOfAPropertyFileThatJasyptWouldNotDecryptAreNamed() {
        var file = read(
                "application.properties",
                "\uFEFFa = ENC(AA==)\r\n#b=ENC(AA==)\r\nc=\"ENC(AA==)\"\r\nd=ENC(\\\r\n   AA==)\r\ne=ENC(AA==) # x\r\n"
                        + "f=EN\\u0043(AA==) x\r\ng=1\r\n",
                Format.BY_NAME,
                0);
        assertEquals(List.of("a", "d"), names(file));
        assertEquals(List.of(2, 3, 6, 7), file.leftOut());
        assertEquals(4, file.others());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"a=ENC(AA==)\nb=1\na=ENC(AB==)\n", "a=ENC(AA==)\nb=1\na: plain\n", "a=plain\nb=1\na=ENC(AA==)\n"
            })
    void aNameThatOccursTwiceIsRefusedByItsLines(String text) {
        assertTrue(refused("a.properties", text).contains("lines 1 and 3"));
    }

    @Test
    void aNameThatOccursTwiceInYamlIsRefused() {
        String same = "a:\n  b: ENC(AA==)\na.b: ENC(AB==)\n";
        assertTrue(refused("a.yaml", same).contains("lines 2 and 3"));
        assertTrue(refused("a.yaml", "a: ENC(AA==)\nb: 1\na: ENC(AA==)\n").contains("lines 1 and 3"));
    }

    @Test
    void oneDocumentOfSeveralCanBeTaken() {
        String yaml = "p: ENC(AA==)\n---\nspring.config.activate.on-profile: test\np: ENC(AB==)\nq: ENC(AC==)\n";
        assertTrue(refused("a.yml", yaml).contains("lines 1 and 4 have the same name, in documents 1 and 2"));
        var second = read("a.yml", yaml, Format.BY_NAME, 2);
        assertEquals(List.of("p", "q"), names(second));
        assertEquals(List.of(1), second.leftOut(), "what is in the other document");
        String properties = "p=ENC(AA==)\n#---\np=ENC(AB==)\n";
        assertTrue(refused("a.properties", properties).contains("documents 1 and 2"));
        assertEquals(List.of("p"), names(read("a.properties", properties, Format.BY_NAME, 2)));
        var none = assertThrows(MemGuardException.class, () -> read("a.yml", yaml, Format.BY_NAME, 3));
        assertTrue(none.getMessage().contains("no settings in a document number 3"));
    }

    @Test
    void aFileThatCouldBeEitherIsAskedFor() {
        String nested = "db:\n  password: ENC(AA==)\n";
        assertTrue(refused("secrets", nested).contains("--format"));
        assertEquals(List.of("db.password"), names(read("secrets", nested, Format.YAML, 0)));
        assertEquals(List.of("password"), names(read("secrets", nested, Format.PROPERTIES, 0)));
        for (String same : List.of("a=ENC(AA==)\nb=ENC(AB==)\n", "a: ENC(AA==)\n", "a ENC(AA==)\n")) {
            assertEquals("a", names(read("secrets", same, Format.BY_NAME, 0)).getFirst());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a: [",
                "a: {b",
                "a: *b",
                "\t- a",
                "a: b: c",
                "a: \"x",
                "? [a, b]\n: ENC(AA==)",
                "a: &a {b: *a}",
                "x: \u0000"
            })
    void whatIsNoYamlIsRefusedWithoutQuotingIt(String text) {
        String message = refused("a.yml", "secretkey: hunter2\n" + text);
        assertFalse(message.contains("hunter2") || message.contains("secretkey"), message);
    }

    @Test
    void aliasesThatMultiplyAndDepthEndInAnError() {
        var laughs = new StringBuilder("a0: &a0 [ENC(AA==), ENC(AA==)]\n");
        for (int i = 1; i < 40; i++) {
            laughs.append("a%d: &a%d [*a%d, *a%d]\n".formatted(i, i, i - 1, i - 1));
        }
        refused("a.yml", laughs.toString());
        refused("a.yml", "a: " + "[".repeat(100_000));
        refused("a.yml", "a: " + "[".repeat(1000) + "]".repeat(1000));
    }

    @Test
    void othersThanUtf8AreRefused() {
        byte[] utf16 = "a=ENC(AA==)".getBytes(StandardCharsets.UTF_16);
        byte[] latin = "a: \u00e9".getBytes(StandardCharsets.ISO_8859_1);
        for (var source : List.of(
                new JasyptFile.Source("a.properties", utf16, Format.BY_NAME, 0),
                new JasyptFile.Source("a.yml", utf16, Format.BY_NAME, 0),
                new JasyptFile.Source("a.yml", latin, Format.BY_NAME, 0))) {
            var failure =
                    assertThrows(MemGuardException.class, () -> JasyptFile.read(source, Secrets.text("jpw"), SCHEME));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
        }
    }

    /** One of 256 wrong passwords opens a text by its padding: none of a thousand is believed. */
    @Test
    void aWrongPasswordWhosePaddingFitsIsRefused() {
        // Of jasypt, with the password jpw: of another salt, one of a thousand such texts opens by chance.
        String text = "a=ENC(OcWxsMarJeoJFxfwCOam8g==)";
        int opened = 0;
        for (int i = 0; i < 3000; i++) {
            var entry = JasyptFile.read(
                            new JasyptFile.Source(
                                    "a.properties", text.getBytes(StandardCharsets.UTF_8), Format.BY_NAME, 0),
                            Secrets.text("wrong" + i),
                            new JasyptFile.Scheme("PBEWithMD5AndDES", 1))
                    .entries()
                    .getFirst();
            try {
                entry.value();
                opened++;
            } catch (MemGuardException e) {
                assertEquals(ErrorCode.KEY_INVALID, e.code());
            }
        }
        assertEquals(0, opened);
        var known = "k=ENC(MWmYIv9+Xsd9V/cFU3xJQsidGXbonJxvdNitgI5z+S52kAypcGLSWPjSo+kAs8yj)";
        var wrong = JasyptFile.read(
                new JasyptFile.Source("a.properties", known.getBytes(StandardCharsets.UTF_8), Format.BY_NAME, 0),
                Secrets.text("jpw\n\n"),
                new JasyptFile.Scheme(JasyptFile.DEFAULT_ALGORITHM, 1000));
        assertThrows(MemGuardException.class, () -> wrong.entries().getFirst().value());
    }

    @Test
    void textOfAnyLanguageIsText() {
        for (String value : List.of("", "caf\u00e9 \uD83D\uDD11", "two\r\n\tlines\n")) {
            var jasypt = new StandardPBEStringEncryptor();
            jasypt.setAlgorithm("PBEWithMD5AndDES");
            jasypt.setPassword("jpw");
            var file = read("a.yml", "a: ENC(" + jasypt.encrypt(value) + ")", Format.BY_NAME, 0);
            byte[] opened = file.entries().getFirst().value();
            assertEquals(value, new String(opened, StandardCharsets.UTF_8));
            Arrays.fill(opened, (byte) 0);
        }
    }
}
