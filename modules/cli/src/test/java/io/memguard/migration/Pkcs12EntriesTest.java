package io.memguard.migration;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.PBEParameterSpec;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.BEROctetString;
import org.bouncycastle.asn1.DERBMPString;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERTaggedObject;
import org.bouncycastle.asn1.pkcs.AuthenticatedSafe;
import org.bouncycastle.asn1.pkcs.ContentInfo;
import org.bouncycastle.asn1.pkcs.EncryptedPrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.Pfx;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.SafeBag;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a PKCS #12 file holds, of whoever wrote it, is an entry, or counted, or nothing is read. */
class Pkcs12EntriesTest {
    private static final String PASSWORD = "changeit";

    @TempDir
    Path temporary;

    private PrivateKey key;

    @BeforeEach
    void makeKey() throws Exception {
        key = KeyPairGenerator.getInstance("EC").generateKeyPair().getPrivate();
    }

    private static Pkcs12Entries read(byte[] file) {
        return read(file, PASSWORD);
    }

    private static Pkcs12Entries read(byte[] file, String password) {
        SecretBuffer buffer = Secrets.text(password);
        return Pkcs12Entries.read(file, buffer);
    }

    private static List<String> names(Pkcs12Entries entries) {
        return entries.entries().stream().map(Entry::name).toList();
    }

    private static String refused(byte[] file) {
        var failure = assertThrows(MemGuardException.class, () -> read(file));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code(), failure.getMessage());
        return failure.getMessage();
    }

    private static EncryptedPrivateKeyInfo sealed(byte[] plain) throws Exception {
        String algorithm = "PBEWithHmacSHA256AndAES_256";
        var cipher = Cipher.getInstance(algorithm);
        cipher.init(
                Cipher.ENCRYPT_MODE,
                SecretKeyFactory.getInstance(algorithm).generateSecret(new PBEKeySpec(PASSWORD.toCharArray())),
                new PBEParameterSpec(new byte[16], 1, new IvParameterSpec(new byte[16])));
        var parameters = ASN1Primitive.fromByteArray(cipher.getParameters().getEncoded());
        return new EncryptedPrivateKeyInfo(
                new AlgorithmIdentifier(PKCSObjectIdentifiers.id_PBES2, parameters), cipher.doFinal(plain));
    }

    private static DERSet attributes(String... friendlyName) {
        var all = new ArrayList<ASN1Encodable>();
        for (String name : friendlyName) {
            all.add(new DERSequence(new ASN1Encodable[] {
                PKCSObjectIdentifiers.pkcs_9_at_friendlyName, new DERSet(new DERBMPString(name))
            }));
        }
        return new DERSet(all.toArray(new ASN1Encodable[0]));
    }

    private SafeBag shrouded(String... name) throws Exception {
        return new SafeBag(
                PKCSObjectIdentifiers.pkcs8ShroudedKeyBag,
                ASN1Sequence.getInstance(sealed(key.getEncoded()).getEncoded()),
                attributes(name));
    }

    private SafeBag plain(String... name) {
        return new SafeBag(PKCSObjectIdentifiers.keyBag, ASN1Sequence.getInstance(key.getEncoded()), attributes(name));
    }

    private static SafeBag secret(ASN1ObjectIdentifier kind, byte[] octets, String... name) throws Exception {
        var info = new PrivateKeyInfo(new AlgorithmIdentifier(PKCSObjectIdentifiers.data), new DEROctetString(octets));
        // Its key is an OCTET STRING in an OCTET STRING, as Java has it.
        var fields = ASN1Sequence.getInstance(info.getEncoded());
        var exact = new DERSequence(
                new ASN1Encodable[] {fields.getObjectAt(0), fields.getObjectAt(1), new DEROctetString(octets)});
        var value = new DERSequence(new ASN1Encodable[] {
            kind,
            new DERTaggedObject(
                    true, 0, new DEROctetString(sealed(exact.getEncoded()).getEncoded()))
        });
        return new SafeBag(PKCSObjectIdentifiers.secretBag, value, attributes(name));
    }

    private static byte[] file(SafeBag... bags) throws IOException {
        byte[] safe = new DERSequence(bags).getEncoded();
        var part = new ContentInfo(PKCSObjectIdentifiers.data, new BEROctetString(safe));
        byte[] parts = new AuthenticatedSafe(new ContentInfo[] {part}).getEncoded();
        return new Pfx(new ContentInfo(PKCSObjectIdentifiers.data, new BEROctetString(parts)), null).getEncoded();
    }

    @Test
    void aBagOfEachKindIsAnEntryOrCounted() throws Exception {
        var nested = new SafeBag(PKCSObjectIdentifiers.safeContentsBag, new DERSequence(plain("Nested")), null);
        byte[] octets = HexFormat.of().parseHex("000102030405060708090a0b0c0d0e0f");
        var crl = new SafeBag(
                PKCSObjectIdentifiers.crlBag,
                new DERSequence(new ASN1Encodable[] {
                    PKCSObjectIdentifiers.x509Crl, new DERTaggedObject(true, 0, new DEROctetString(octets))
                }),
                null);
        var entries = read(file(
                shrouded("Tls"),
                plain("tls"),
                nested,
                secret(PKCSObjectIdentifiers.pkcs8ShroudedKeyBag, octets, "aes"),
                crl));
        assertEquals(List.of("Tls", "tls", "Nested", "aes"), names(entries));
        assertEquals(1, entries.revocations());
        for (Entry entry : entries.entries().subList(0, 3)) {
            assertArrayEquals(key.getEncoded(), entry.value());
        }
        assertArrayEquals(octets, entries.entries().get(3).value());
    }

    @Test
    void twoKeysOfOneNameStopTheImport() throws Exception {
        assertTrue(refused(file(shrouded("a"), plain("b"), shrouded("a"))).contains("keys number 1 and 3"));
        byte[] octets = new byte[16];
        var secret = secret(PKCSObjectIdentifiers.pkcs8ShroudedKeyBag, octets, "a");
        assertTrue(refused(file(secret, plain("a"))).contains("keys number 1 and 2"));
    }

    @Test
    void keysWithoutANameGetANumberThatIsFree() throws Exception {
        assertEquals(List.of("2", "1", "3", "4"), names(read(file(shrouded(), shrouded("1"), plain(""), plain()))));
    }

    @Test
    void whatCantBeTakenStopsTheImport() throws Exception {
        var unknown = new ASN1ObjectIdentifier("1.2.3.4");
        assertTrue(refused(file(plain("a"), secret(unknown, new byte[16], "b"))).contains("1.2.3.4"));
        assertTrue(refused(file(plain("a"), new SafeBag(unknown, new DEROctetString(new byte[4]), null)))
                .contains("1.2.3.4"));
        assertTrue(refused(file(plain("n".repeat(1025)))).contains("key number 1"));
        var deep = plain("a");
        for (int i = 0; i < 40; i++) {
            deep = new SafeBag(PKCSObjectIdentifiers.safeContentsBag, new DERSequence(deep), null);
        }
        assertTrue(refused(file(deep)).contains("not all of the file"));
    }

    @Test
    void aFileOfBouncyCastleIsRead() throws Exception {
        var store = KeyStore.getInstance("PKCS12", new BouncyCastleProvider());
        store.load(null, null);
        store.setKeyEntry("Server Key", key, null, new Certificate[] {certificate()});
        var out = new ByteArrayOutputStream();
        store.store(out, PASSWORD.toCharArray());
        var entries = read(out.toByteArray());
        assertEquals(List.of("Server Key"), names(entries));
        assertEquals(1, entries.certificates());
        assertArrayEquals(key.getEncoded(), entries.entries().getFirst().value());
    }

    /** Encrypted in each way that openssl offers and this Java reads, named or not, with an empty password. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "-name Server",
                "",
                "-keypbe NONE -name Server",
                "-certpbe NONE -keypbe AES-128-CBC -name Server",
                "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -name Server"
            })
    void aFileOfOpensslIsRead(String options) throws Exception {
        openssl(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=a",
                "-keyout",
                "key.pem",
                "-out",
                "crt.pem");
        openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "key.der");
        for (String password : List.of(PASSWORD, "")) {
            var command = new ArrayList<>(
                    List.of("pkcs12", "-export", "-inkey", "key.pem", "-in", "crt.pem", "-out", "a.p12"));
            command.addAll(List.of("-passout", "pass:" + password));
            command.addAll(options.isEmpty() ? List.of() : List.of(options.split(" ")));
            openssl(command.toArray(new String[0]));
            var entries = read(Files.readAllBytes(temporary.resolve("a.p12")), password);
            assertEquals(List.of(options.contains("-name") ? "Server" : "1"), names(entries));
            assertEquals(1, entries.certificates());
            assertArrayEquals(
                    Files.readAllBytes(temporary.resolve("key.der")),
                    entries.entries().getFirst().value());
        }
    }

    /** Whatever a file holds: entries, or one known error. */
    @Test
    void anyBytesAreKeysOrAnErrorThatIsKnown() throws Exception {
        var random = new Random(Secrets.seed());
        byte[] good =
                file(shrouded("a"), plain("b"), secret(PKCSObjectIdentifiers.pkcs8ShroudedKeyBag, new byte[16], "c"));
        for (int i = 0; i < 1000; i++) {
            byte[] bytes = Arrays.copyOf(good, random.nextInt(8) == 0 ? random.nextInt(good.length) : good.length);
            for (int n = random.nextInt(4); n >= 0 && bytes.length > 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            try {
                read(bytes).entries().forEach(Entry::value);
            } catch (MemGuardException e) {
                assertTrue(e.code() == ErrorCode.KEY_INVALID || e.code() == ErrorCode.INVALID_ARGUMENTS, e.toString());
            }
        }
    }

    private X509Certificate certificate() throws Exception {
        openssl(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=a",
                "-keyout",
                "k.pem",
                "-out",
                "c.pem");
        try (var in = Files.newInputStream(temporary.resolve("c.pem"))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    private void openssl(String... arguments) throws Exception {
        var command = new ArrayList<>(List.of("openssl"));
        command.addAll(List.of(arguments));
        var process = new ProcessBuilder(command)
                .directory(temporary.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
    }
}
