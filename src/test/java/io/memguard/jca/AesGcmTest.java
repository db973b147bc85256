package io.memguard.jca;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.ProviderException;
import java.security.Security;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AesGcmTest {
    private static final String GCM = "AES/GCM/NoPadding";
    private static final long SEED = 23;

    @TempDir
    Path directory;

    private final Random random = new Random(SEED);
    private MemGuard guard;
    private ProtectedKeys keys;

    @BeforeEach
    void open() {
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        keys = ProtectedKeys.of(guard);
    }

    @AfterEach
    void close() {
        guard.close();
        Security.removeProvider(MemGuardProvider.NAME);
    }

    private SecretKey key(byte[] bytes) {
        try (var buffer = SecretBuffer.consume(bytes.clone())) {
            guard.store("k", buffer);
        }
        return keys.secretKey("k", "AES");
    }

    private byte[] bytes(int length) {
        var bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static Cipher ours() throws Exception {
        return Cipher.getInstance(GCM, new MemGuardProvider());
    }

    @Test
    void itAgreesWithTheJdkInBothDirectionsHoweverTheMessageComes() throws Exception {
        for (int length : new int[] {0, 1, 15, 16, 17, 1_000, 1_024, 32_768, 32_769, 100_001}) {
            for (int size : new int[] {16, 24, 32}) {
                byte[] secret = bytes(size);
                var key = key(secret);
                var theirKey = new SecretKeySpec(secret, "AES");
                var parameters = new GCMParameterSpec(96 + 8 * random.nextInt(5), bytes(1 + random.nextInt(40)));
                byte[] aad = bytes(random.nextInt(100));
                byte[] plain = bytes(length);
                var theirs = Cipher.getInstance(GCM, "SunJCE");
                theirs.init(Cipher.ENCRYPT_MODE, theirKey, parameters);
                theirs.updateAAD(aad);
                byte[] sealed = theirs.doFinal(plain);
                var cipher = ours();
                for (boolean parts : new boolean[] {false, true}) {
                    cipher = ours();
                    cipher.init(Cipher.ENCRYPT_MODE, key, parameters);
                    assertArrayEquals(sealed, run(cipher, aad, plain, parts));
                    cipher.init(Cipher.DECRYPT_MODE, key, parameters);
                    assertArrayEquals(plain, run(cipher, aad, sealed, parts));
                    assertArrayEquals(plain, run(cipher, aad, sealed, parts), "the same again");
                    byte[] changed = sealed.clone();
                    changed[random.nextInt(changed.length)] ^= 1;
                    var failing = cipher;
                    assertThrows(AEADBadTagException.class, () -> run(failing, aad, changed, parts));
                    assertArrayEquals(plain, run(cipher, aad, sealed, parts), "after a failure");
                }
            }
        }
    }

    private byte[] run(Cipher cipher, byte[] aad, byte[] input, boolean parts) throws Exception {
        if (!parts) {
            cipher.updateAAD(aad);
            return cipher.doFinal(input);
        }
        cipher.updateAAD(aad, 0, aad.length / 2);
        cipher.updateAAD(ByteBuffer.wrap(aad, aad.length / 2, aad.length - aad.length / 2));
        var output = ByteBuffer.allocate(input.length + 16);
        int at = 0;
        while (at < input.length / 2) {
            int step = Math.min(1 + random.nextInt(5_000), input.length - at);
            if (random.nextBoolean()) {
                var direct =
                        ByteBuffer.allocateDirect(step).put(input, at, step).flip();
                cipher.update(direct, output);
            } else {
                byte[] made = cipher.update(input, at, step);
                output.put(made == null ? new byte[0] : made);
            }
            at += step;
        }
        output.put(cipher.doFinal(input, at, input.length - at));
        return Arrays.copyOf(output.array(), output.position());
    }

    @Test
    void anIvIsTakenOnce() throws Exception {
        var cipher = ours();
        var key = key(bytes(32));
        var parameters = new GCMParameterSpec(128, bytes(12));
        cipher.init(Cipher.ENCRYPT_MODE, key, parameters);
        cipher.doFinal(bytes(10));
        assertThrows(IllegalStateException.class, () -> cipher.doFinal(bytes(10)));
        assertThrows(IllegalStateException.class, () -> cipher.updateAAD(bytes(10)));
        assertThrows(InvalidAlgorithmParameterException.class, () -> cipher.init(Cipher.ENCRYPT_MODE, key, parameters));
        cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, bytes(12)));
        cipher.doFinal(bytes(10));
    }

    /** Which would give the key of the tags away, and the difference of the texts. */
    @Test
    void anIvIsNotTakenAgainAfterADecryptionOrByAnotherHandleOnTheKey() throws Exception {
        var cipher = ours();
        var key = key(bytes(32));
        var parameters = new GCMParameterSpec(128, bytes(12));
        cipher.init(Cipher.ENCRYPT_MODE, key, parameters);
        byte[] sealed = cipher.doFinal(bytes(10));
        cipher.init(Cipher.DECRYPT_MODE, key, parameters);
        cipher.doFinal(sealed);
        for (var again : List.of(key, keys.secretKey("k", "AES"))) {
            assertThrows(
                    InvalidAlgorithmParameterException.class,
                    () -> cipher.init(Cipher.ENCRYPT_MODE, again, parameters));
        }
        cipher.init(Cipher.ENCRYPT_MODE, key(bytes(32)), parameters); // Another key.
        cipher.doFinal(bytes(10));
    }

    @Test
    void anIvThatItMakesIsToldAndDecrypts() throws Exception {
        var cipher = ours();
        var key = key(bytes(32));
        cipher.init(Cipher.ENCRYPT_MODE, key);
        byte[] sealed = cipher.doFinal("text".getBytes("US-ASCII"));
        var parameters = cipher.getParameters();
        assertEquals(12, cipher.getIV().length);
        assertThrows(InvalidKeyException.class, () -> cipher.init(Cipher.DECRYPT_MODE, key));
        cipher.init(Cipher.DECRYPT_MODE, key, parameters);
        assertEquals("text", new String(cipher.doFinal(sealed), "US-ASCII"));
    }

    @Test
    void aBufferThatIsTooShortLosesNothing() throws Exception {
        byte[] secret = bytes(16);
        byte[] plain = bytes(100);
        var parameters = new GCMParameterSpec(128, bytes(12));
        var theirs = Cipher.getInstance(GCM, "SunJCE");
        theirs.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(secret, "AES"), parameters);
        byte[] sealed = theirs.doFinal(plain);
        var cipher = ours();
        var key = key(secret);
        cipher.init(Cipher.ENCRYPT_MODE, key, parameters);
        var out = new byte[116];
        assertThrows(ShortBufferException.class, () -> cipher.doFinal(plain, 0, 100, new byte[115], 0));
        assertThrows(ShortBufferException.class, () -> cipher.update(plain, 0, 100, new byte[99], 0));
        assertEquals(50, cipher.update(plain, 0, 50, out, 0));
        assertThrows(ShortBufferException.class, () -> cipher.doFinal(plain, 50, 50, new byte[65], 0));
        assertEquals(66, cipher.doFinal(plain, 50, 50, out, 50));
        assertArrayEquals(sealed, out);
        cipher.init(Cipher.DECRYPT_MODE, key, parameters);
        assertEquals(0, cipher.update(sealed, 0, 50, new byte[0], 0), "nothing before it is verified");
        assertThrows(ShortBufferException.class, () -> cipher.doFinal(sealed, 50, 66, new byte[99], 0));
        assertArrayEquals(plain, cipher.doFinal(sealed, 50, 66));
        // In place, and where the output begins within the input.
        for (int to : new int[] {0, 7, 16}) {
            cipher.init(Cipher.DECRYPT_MODE, key, parameters);
            byte[] both = Arrays.copyOf(sealed, 200);
            assertEquals(100, cipher.doFinal(both, 0, 116, both, to));
            assertArrayEquals(plain, Arrays.copyOfRange(both, to, to + 100));
        }
    }

    @Test
    void keysOfOthersGoToTheirProviderAlsoAfterTheEngineWasAsked() throws Exception {
        MemGuardProvider.install();
        var theirs = new SecretKeySpec(bytes(16), "AES");
        var parameters = new GCMParameterSpec(128, bytes(12));
        var cipher = Cipher.getInstance(GCM);
        assertEquals("MemGuard", cipher.getProvider().getName(), "locked in");
        assertEquals(16, cipher.getBlockSize());
        cipher.init(Cipher.ENCRYPT_MODE, theirs, parameters);
        cipher.updateAAD(new byte[3]);
        byte[] sealed = cipher.doFinal(new byte[20]);
        cipher.init(Cipher.DECRYPT_MODE, key(theirs.getEncoded()), parameters);
        cipher.updateAAD(new byte[3]);
        assertArrayEquals(new byte[20], cipher.doFinal(sealed));
    }

    @Test
    void whatDoesNotFitIsRefused() throws Exception {
        var cipher = ours();
        var good = key(bytes(16));
        assertThrows(IllegalStateException.class, () -> cipher.doFinal(new byte[1]));
        assertThrows(
                InvalidAlgorithmParameterException.class,
                () -> cipher.init(Cipher.ENCRYPT_MODE, good, new GCMParameterSpec(64, new byte[12])));
        assertThrows(
                InvalidAlgorithmParameterException.class,
                () -> cipher.init(Cipher.ENCRYPT_MODE, good, new GCMParameterSpec(128, new byte[0])));
        cipher.init(Cipher.DECRYPT_MODE, good, new GCMParameterSpec(128, new byte[12]));
        assertThrows(AEADBadTagException.class, () -> cipher.doFinal(new byte[15]));
        cipher.update(new byte[40]);
        assertThrows(IllegalStateException.class, () -> cipher.updateAAD(new byte[1]));
        guard.delete("k");
        assertThrows(ProviderException.class, cipher::doFinal);
        var odd = key(bytes(31));
        assertThrows(
                InvalidKeyException.class,
                () -> cipher.init(Cipher.ENCRYPT_MODE, odd, new GCMParameterSpec(128, new byte[12])));
    }
}
