package io.memguard.jca;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.InvalidKeyException;
import java.security.ProviderException;
import java.security.Security;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HmacTest {
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

    private SecretKey key(String name, byte[] bytes, String algorithm) {
        try (var buffer = SecretBuffer.consume(bytes.clone())) {
            guard.store(name, buffer);
        }
        return keys.secretKey(name, algorithm);
    }

    private byte[] bytes(int length) {
        var bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static Mac ours(String algorithm) throws Exception {
        return Mac.getInstance(algorithm, new MemGuardProvider());
    }

    @ParameterizedTest
    @CsvSource({ // RFC 2202 and 4231, case 1
        "HmacSHA1, b617318655057264e28bc0b6fb378c8ef146be00",
        "HmacSHA224, 896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
        "HmacSHA256, b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    })
    void theResultIsTheStandards(String algorithm, String expected) throws Exception {
        var secret = new byte[20];
        Arrays.fill(secret, (byte) 0x0b);
        var mac = ours(algorithm);
        mac.init(key("k", secret, algorithm));
        assertEquals(expected, HexFormat.of().formatHex(mac.doFinal("Hi There".getBytes("US-ASCII"))));
        assertEquals(expected, HexFormat.of().formatHex(mac.doFinal("Hi There".getBytes("US-ASCII"))), "again");
    }

    @ParameterizedTest
    @ValueSource(strings = {"HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"})
    void itAgreesWithTheJdkHoweverTheMessageComes(String algorithm) throws Exception {
        for (int length : new int[] {0, 1, 63, 64, 255, 1023, 1024, 1025, 5_000, 32_768, 100_001}) {
            byte[] secret = bytes(1 + random.nextInt(200));
            var theirs = Mac.getInstance(algorithm, "SunJCE");
            theirs.init(new SecretKeySpec(secret, algorithm));
            var mac = ours(algorithm);
            assertEquals(theirs.getMacLength(), mac.getMacLength());
            mac.init(key("k" + length, secret, algorithm));
            byte[] data = bytes(length);
            byte[] expected = theirs.doFinal(data);
            assertArrayEquals(expected, mac.doFinal(data), "whole");
            for (int at = 0; at < length; ) {
                int step = Math.min(1 + random.nextInt(1 + length / 3), length - at);
                switch (random.nextInt(4)) {
                    case 0 -> mac.update(data, at, step);
                    case 1 -> mac.update(ByteBuffer.wrap(data, at, step).slice());
                    case 2 -> mac.update(ByteBuffer.wrap(data, at, step).asReadOnlyBuffer());
                    default -> {
                        var direct = ByteBuffer.allocateDirect(step)
                                .put(data, at, step)
                                .flip();
                        mac.update(direct);
                        assertEquals(0, direct.remaining());
                    }
                }
                at += step;
            }
            var copy = (Mac) mac.clone();
            assertArrayEquals(expected, mac.doFinal(), "in parts");
            assertArrayEquals(expected, copy.doFinal(), "a clone");
            mac.update(data);
            mac.reset();
            var out = new byte[theirs.getMacLength() + 2];
            mac.update(data);
            mac.doFinal(out, 2);
            assertArrayEquals(expected, Arrays.copyOfRange(out, 2, out.length), "after a reset");
        }
    }

    @Test
    void aKeyOfOthersGoesToItsProviderAlsoAfterTheEngineWasAsked() throws Exception {
        MemGuardProvider.install();
        var theirs = new SecretKeySpec(bytes(32), "HmacSHA256");
        var mac = Mac.getInstance("HmacSHA256");
        assertEquals("MemGuard", mac.getProvider().getName(), "locked in");
        assertEquals(32, mac.getMacLength());
        mac.init(theirs);
        var expected = Mac.getInstance("HmacSHA256", "SunJCE");
        expected.init(theirs);
        mac.update(new byte[100]);
        assertArrayEquals(expected.doFinal(new byte[100]), ((Mac) mac.clone()).doFinal());
        mac.reset();
        mac.init(key("k", theirs.getEncoded(), "HmacSHA256"));
        assertArrayEquals(expected.doFinal(new byte[7]), mac.doFinal(new byte[7]));
    }

    @Test
    void withoutAKeyOrAfterItsSecretIsDeletedItFailsClearly() throws Exception {
        var mac = ours("HmacSHA256");
        assertThrows(IllegalStateException.class, () -> mac.update((byte) 1));
        assertThrows(InvalidKeyException.class, () -> mac.init(null));
        var key = key("k", bytes(32), "HmacSHA256");
        mac.init(key);
        mac.update((byte) 1);
        guard.delete("k");
        assertTrue(
                assertThrows(ProviderException.class, mac::doFinal).getMessage().contains("deleted"));
        assertThrows(InvalidKeyException.class, () -> mac.init(key));
    }

    @Test
    void sixtyFourThreadsUseOneKey() throws Exception {
        byte[] secret = bytes(32);
        var key = key("k", secret, "HmacSHA256");
        var theirs = Mac.getInstance("HmacSHA256", "SunJCE");
        theirs.init(new SecretKeySpec(secret, "HmacSHA256"));
        byte[] data = bytes(3_000);
        byte[] expected = theirs.doFinal(data);
        byte[] early = theirs.doFinal(Arrays.copyOf(data, 100));
        try (var pool = Executors.newFixedThreadPool(64)) {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < 64; i++) {
                running.add(pool.submit(() -> {
                    for (int round = 0; round < 50; round++) {
                        var mac = ours("HmacSHA256");
                        mac.init(key);
                        assertArrayEquals(expected, mac.doFinal(data));
                        mac.update(data, 0, 100);
                        assertArrayEquals(early, mac.doFinal());
                    }
                    return null;
                }));
            }
            for (var future : running) {
                future.get();
            }
        }
    }
}
