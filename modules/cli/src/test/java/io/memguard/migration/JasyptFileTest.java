package io.memguard.migration;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.jasypt.encryption.pbe.StandardPBEStringEncryptor;
import org.jasypt.iv.RandomIvGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the real jasypt wrote comes out, and nothing else does. */
class JasyptFileTest {
    private static final String PASSWORD = "pa\u00dfword e\u0301"; // e and accent apart: jasypt joins them.

    private static StandardPBEStringEncryptor encryptor(String algorithm, int iterations) {
        var encryptor = new StandardPBEStringEncryptor();
        encryptor.setAlgorithm(algorithm);
        encryptor.setPassword(PASSWORD);
        encryptor.setKeyObtentionIterations(iterations);
        if (algorithm.startsWith("PBEWITHHMAC")) {
            encryptor.setIvGenerator(new RandomIvGenerator());
        }
        return encryptor;
    }

    private static JasyptFile read(String file, String password, String algorithm, int iterations) {
        SecretBuffer secret = Secrets.text(password);
        return read("a.properties", file.getBytes(StandardCharsets.ISO_8859_1), secret, algorithm, iterations);
    }

    private static JasyptFile read(String name, byte[] file, SecretBuffer password, String algorithm, int iterations) {
        return JasyptFile.read(
                new JasyptFile.Source(name, file, Format.BY_NAME, 0),
                password,
                new JasyptFile.Scheme(algorithm, iterations));
    }

    private static String text(Entry entry) {
        return new String(entry.value(), StandardCharsets.UTF_8);
    }

    @Test
    void iterationsAreUpToTenMillion() {
        for (int iterations : new int[] {1, 9_999_999, 10_000_000}) {
            assertEquals(iterations, new JasyptFile.Scheme("PBEWithMD5AndDES", iterations).iterations());
        }
        for (int iterations : new int[] {0, 10_000_001}) {
            var refused =
                    assertThrows(MemGuardException.class, () -> new JasyptFile.Scheme("PBEWithMD5AndDES", iterations));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "PBEWITHHMACSHA512ANDAES_256, 1000, base64",
        "PBEWITHHMACSHA512ANDAES_256, 20000, base64",
        "PBEWITHHMACSHA256ANDAES_128, 1000, hexadecimal",
        "PBEWithMD5AndDES, 1000, base64",
        "PBEWithMD5AndTripleDES, 1000, base64",
        "PBEWithSHA1AndDESede, 1000, base64",
        "PBEWithSHA1AndRC4_128, 1000, hexadecimal",
    })
    void whatJasyptWroteIsReadBack(String algorithm, int iterations, String encoding) {
        var jasypt = encryptor(algorithm, iterations);
        jasypt.setStringOutputType(encoding);
        // DES wants ASCII passwords of JCA; jasypt has the same limit.
        boolean ascii = !algorithm.startsWith("PBEWITHHMAC");
        String password = ascii ? "a password" : PASSWORD;
        jasypt = ascii ? ascii(algorithm, iterations, encoding) : jasypt;
        String longText = "long ".repeat(1000);
        String file = "# a comment\nplain = 1\ndb.password = ENC(" + jasypt.encrypt("caf\u00e9 \uD83D\uDD11") + ")\n"
                + "empty:ENC(" + jasypt.encrypt("") + ")\nlong ENC(" + jasypt.encrypt(longText) + ") \n";
        var properties = read(file, password, algorithm, iterations);
        assertEquals(
                List.of("db.password", "empty", "long"),
                properties.entries().stream().map(Entry::name).toList());
        assertEquals(1, properties.others());
        assertEquals("caf\u00e9 \uD83D\uDD11", text(properties.entries().get(0)));
        assertEquals("", text(properties.entries().get(1)));
        assertEquals(longText, text(properties.entries().get(2)));
    }

    private static StandardPBEStringEncryptor ascii(String algorithm, int iterations, String encoding) {
        var encryptor = new StandardPBEStringEncryptor();
        encryptor.setAlgorithm(algorithm);
        encryptor.setPassword("a password");
        encryptor.setKeyObtentionIterations(iterations);
        encryptor.setStringOutputType(encoding);
        return encryptor;
    }

    @Test
    void aWrongPasswordOrOtherSettingsAreKeyInvalidWithoutNames() {
        String algorithm = JasyptFile.DEFAULT_ALGORITHM;
        String file = "key.name=ENC(" + encryptor(algorithm, 1000).encrypt("a value") + ")";
        for (var wrong : List.of(
                read(file, "another", algorithm, 1000),
                read(file, PASSWORD, algorithm, 1001),
                read(file, PASSWORD, "PBEWITHHMACSHA256ANDAES_256", 1000))) {
            var failure = assertThrows(
                    MemGuardException.class, () -> wrong.entries().getFirst().value());
            assertEquals(ErrorCode.KEY_INVALID, failure.code());
            assertFalse(failure.getMessage().contains("key.name"));
        }
    }

    @Test
    void damagedTextIsAnErrorAndNoCrash() {
        for (String text : List.of("", "AAAA", "!!!", "00", "A", "ENC(", "A".repeat(43))) {
            var properties = read("a=ENC(" + text + ")", "a password", "PBEWithMD5AndDES", 1000);
            var entry = properties.entries().getFirst();
            assertEquals(
                    ErrorCode.KEY_INVALID,
                    assertThrows(MemGuardException.class, entry::value).code());
        }
        for (var refused : List.of("AES", "PBEWithNothing")) {
            assertEquals(
                    ErrorCode.INVALID_ARGUMENTS,
                    assertThrows(MemGuardException.class, () -> read("", "a", refused, 1000))
                            .code());
        }
        assertEquals(
                ErrorCode.INVALID_ARGUMENTS,
                assertThrows(MemGuardException.class, () -> read("a=\\u12", "a", "PBEWithMD5AndDES", 1))
                        .code());
    }

    /** Whatever a file holds: values, or one known error. */
    @Test
    void anyBytesAreValuesOrAnErrorThatIsKnown() {
        var random = new Random(Secrets.seed());
        byte[] good = ("a=1\nb=ENC(" + ascii("PBEWithMD5AndDES", 1000, "base64").encrypt("a value") + ")\n")
                .getBytes(StandardCharsets.ISO_8859_1);
        try (var password = Secrets.text("a password")) {
            for (int i = 0; i < 2000; i++) {
                byte[] bytes = good.clone();
                for (int n = random.nextInt(6); n >= 0; n--) {
                    bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
                }
                try {
                    read(i % 2 == 0 ? "a.properties" : "a.yml", bytes, password, "PBEWithMD5AndDES", 1000)
                            .entries()
                            .forEach(Entry::value);
                } catch (MemGuardException e) {
                    assertNotEquals("", e.getMessage());
                }
            }
        }
    }
}
