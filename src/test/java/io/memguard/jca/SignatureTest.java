package io.memguard.jca;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.ProviderException;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.Base64;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Signatures by protected keys; the JDK's own providers are the other side. */
class SignatureTest {
    private static final byte[] MESSAGE = "a message".repeat(100).getBytes(StandardCharsets.UTF_8);
    private static final PSSParameterSpec PSS =
            new PSSParameterSpec("SHA-384", "MGF1", MGF1ParameterSpec.SHA384, 48, 1);

    @TempDir
    Path directory;

    private final Provider provider = new MemGuardProvider();
    private MemGuard guard;
    private ProtectedKeys keys;

    @BeforeEach
    void open() {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        keys = ProtectedKeys.of(guard);
    }

    @AfterEach
    void close() {
        Security.removeProvider(MemGuardProvider.NAME);
        guard.close();
    }

    private static boolean verified(String algorithm, PublicKey key, byte[] message, byte[] signature)
            throws Exception {
        var verifier = Signature.getInstance(algorithm);
        verifier.initVerify(key);
        verifier.update(message);
        return verifier.verify(signature);
    }

    private byte[] sign(String algorithm, PrivateKey key, byte[] message) throws Exception {
        var signer = Signature.getInstance(algorithm, provider);
        signer.initSign(key);
        signer.update(message);
        return signer.sign();
    }

    @ParameterizedTest
    @CsvSource({
        "EC_P256, SHA1withECDSA",
        "EC_P256, SHA224withECDSA",
        "EC_P256, SHA256withECDSA",
        "EC_P256, SHA512withECDSA",
        "EC_P256, SHA256withECDSAinP1363Format",
        "EC_P384, SHA384withECDSA",
        "EC_P384, SHA384withECDSAinP1363Format",
        "EC_P521, SHA512withECDSA",
        "EC_P521, SHA512withECDSAinP1363Format",
        "ED25519, Ed25519",
        "ED25519, EdDSA",
        "RSA_2048, SHA1withRSA",
        "RSA_2048, SHA256withRSA",
        "RSA_3072, SHA512withRSA"
    })
    void whatAProtectedKeySignsTheJdkVerifies(KeyType type, String algorithm) throws Exception {
        KeyPair pair = keys.generateKeyPair("k", type);
        for (int length : new int[] {0, 1, 900}) {
            byte[] message = java.util.Arrays.copyOf(MESSAGE, length);
            byte[] signature = sign(algorithm, pair.getPrivate(), message);
            assertTrue(verified(algorithm, pair.getPublic(), message, signature), algorithm);
            assertFalse(verified(algorithm, pair.getPublic(), new byte[] {9}, signature));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "RSA, 2048, SHA256withRSA",
        "EC, 256, SHA256withECDSA",
        "EC, 384, SHA384withECDSA",
        "Ed25519, 255, Ed25519"
    })
    void aKeyThatTheJdkMadeSignsFromItsPem(String algorithm, int size, String signature) throws Exception {
        var generator = KeyPairGenerator.getInstance(algorithm);
        generator.initialize(size);
        KeyPair pair = generator.generateKeyPair();
        String text = "-----BEGIN PRIVATE KEY-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'})
                        .encodeToString(pair.getPrivate().getEncoded())
                + "\n-----END PRIVATE KEY-----\n";
        try (var pem = Secrets.text(text)) {
            guard.store("k", pem);
        }
        assertEquals(pair.getPublic(), keys.publicKey("k"));
        assertTrue(keys.certificateChain("k").isEmpty());
        assertTrue(verified(signature, pair.getPublic(), MESSAGE, sign(signature, keys.privateKey("k"), MESSAGE)));
    }

    @Test
    void pssTakesItsParametersBeforeTheKeyOrAfterIt() throws Exception {
        KeyPair pair = keys.generateKeyPair("k", KeyType.RSA_2048);
        MemGuardProvider.install();
        var before = Signature.getInstance("RSASSA-PSS");
        before.setParameter(PSS);
        before.initSign(pair.getPrivate());
        var after = Signature.getInstance("RSASSA-PSS");
        after.initSign(pair.getPrivate());
        after.setParameter(PSS);
        for (Signature signer : new Signature[] {before, after}) {
            assertInstanceOf(MemGuardProvider.class, signer.getProvider());
            signer.update(MESSAGE);
            byte[] signature = signer.sign();
            var verifier = Signature.getInstance("RSASSA-PSS"); // Locked to ours, which hands it on.
            verifier.setParameter(PSS);
            verifier.initVerify(pair.getPublic());
            verifier.update(MESSAGE);
            assertTrue(verifier.verify(signature));
        }
    }

    @Test
    void keysOfOthersGoOnWithTheProviderFirst() throws Exception {
        MemGuardProvider.install();
        for (String algorithm : new String[] {"RSA", "EC", "Ed25519"}) {
            KeyPair pair = KeyPairGenerator.getInstance(algorithm).generateKeyPair();
            String name =
                    algorithm.equals("Ed25519") ? algorithm : "SHA256with" + (algorithm.equals("EC") ? "ECDSA" : "RSA");
            var signer = Signature.getInstance(name);
            signer.initSign(pair.getPrivate());
            signer.update(MESSAGE);
            assertTrue(verified(name, pair.getPublic(), MESSAGE, signer.sign()));
        }
        KeyPair pair = KeyPairGenerator.getInstance("RSA").generateKeyPair();
        var signer = Signature.getInstance("RSASSA-PSS");
        signer.setParameter(PSS);
        signer.initSign(pair.getPrivate());
        signer.update(MESSAGE);
        assertEquals(256, pair.getPublic() == null ? 0 : Math.min(256, signer.sign().length));
    }

    @ParameterizedTest
    @EnumSource(names = {"EC_P521", "ED25519", "RSA_2048"})
    void aHandleHasNothingButItsPublicHalf(KeyType type) {
        PrivateKey key = keys.generateKeyPair("k", type).getPrivate();
        assertNull(key.getFormat());
        assertNull(key.getEncoded());
        assertEquals(key.getAlgorithm(), keys.privateKey("k").getAlgorithm());
        assertEquals("ProtectedPrivateKey[" + key.getAlgorithm() + "]", key.toString());
    }

    @Test
    void everyKindOfBufferIsSignedAndAnEngineBeginsAnew() throws Exception {
        for (KeyType type : new KeyType[] {KeyType.EC_P256, KeyType.ED25519}) {
            KeyPair pair = keys.generateKeyPair("k", type);
            String algorithm = type == KeyType.ED25519 ? "Ed25519" : "SHA256withECDSA";
            var signer = Signature.getInstance(algorithm, provider);
            signer.initSign(pair.getPrivate());
            var direct = ByteBuffer.allocateDirect(MESSAGE.length).put(MESSAGE).flip();
            for (ByteBuffer buffer : new ByteBuffer[] {
                ByteBuffer.wrap(MESSAGE), ByteBuffer.wrap(MESSAGE).asReadOnlyBuffer(), direct
            }) {
                signer.update(buffer);
                assertEquals(0, buffer.remaining());
                assertTrue(verified(algorithm, pair.getPublic(), MESSAGE, signer.sign()));
            }
        }
    }

    @Test
    void sixtyFourThreadsSignWithOneHandle() throws Exception {
        for (KeyType type : new KeyType[] {KeyType.EC_P256, KeyType.RSA_2048}) {
            KeyPair pair = keys.generateKeyPair("k", type);
            String algorithm = type == KeyType.EC_P256 ? "SHA256withECDSA" : "SHA256withRSA";
            try (var pool = Executors.newFixedThreadPool(64)) {
                Callable<Boolean> task = () -> {
                    boolean good = true;
                    for (int i = 0; i < 10; i++) {
                        good &= verified(
                                algorithm, pair.getPublic(), MESSAGE, sign(algorithm, pair.getPrivate(), MESSAGE));
                    }
                    return good;
                };
                for (var result : pool.invokeAll(
                        IntStream.range(0, 64).mapToObj(i -> task).toList())) {
                    assertTrue(result.get());
                }
            }
        }
    }

    @Test
    void aReplacedSecretLeavesTheHandleAndADeletedOneEndsIt() throws Exception {
        KeyPair before = keys.generateKeyPair("k", KeyType.EC_P256);
        KeyPair after = keys.generateKeyPair("k", KeyType.EC_P256);
        assertNotEquals(before.getPublic(), after.getPublic());
        assertTrue(verified(
                "SHA256withECDSA", before.getPublic(), MESSAGE, sign("SHA256withECDSA", before.getPrivate(), MESSAGE)));
        var signer = Signature.getInstance("SHA256withECDSA", provider);
        signer.initSign(before.getPrivate());
        signer.update(MESSAGE);
        guard.delete("k");
        assertTrue(
                assertThrows(ProviderException.class, signer::sign).getMessage().contains("deleted"));
    }

    @ParameterizedTest
    @CsvSource({"''", "no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"})
    void whatIsNoKeyIsRefused(String text) {
        try (var value = Secrets.text(text)) {
            guard.store("k", value);
        }
        var error = assertThrows(MemGuardException.class, () -> keys.privateKey("k"));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
    }
}
