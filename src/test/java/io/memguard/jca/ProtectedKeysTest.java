package io.memguard.jca;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.io.ByteArrayOutputStream;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.InvalidKeyException;
import java.security.Security;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProtectedKeysTest {
    @TempDir
    Path directory;

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
    }

    @Test
    void aSymmetricKeyHasAnAlgorithmAndNothingElse() throws Exception {
        var key = keys.generateKey("k", "HmacSHA256", 256);
        assertEquals("HmacSHA256", key.getAlgorithm());
        assertNull(key.getFormat());
        assertNull(key.getEncoded());
        assertEquals("ProtectedSecretKey", key.toString());
        assertEquals(32L, guard.<Long, RuntimeException>read("k", MemorySegment::byteSize));
        try (var out = new ObjectOutputStream(new ByteArrayOutputStream())) {
            assertThrows(NotSerializableException.class, () -> out.writeObject(key));
        }
    }

    @Test
    void aHandleGoesOnAfterItsSecretIsReplacedAndFailsAfterItIsDeleted() throws Exception {
        var key = ((ProtectedSecretKey) keys.generateKey("k", "AES", 256)).key();
        try (var other = Secrets.text("another key of thirty-two bytes!")) {
            guard.store("k", other);
        }
        assertSame(key.valueForInit(), key.value());
        assertTrue(guard.delete("k"));
        assertTrue(assertThrows(InvalidKeyException.class, key::valueForInit)
                .getMessage()
                .contains("deleted"));
    }

    @Test
    void aHandleFailsAfterItsStoreIsClosed() {
        var key = ((ProtectedSecretKey) keys.generateKey("k", "AES", 256)).key();
        guard.close();
        assertThrows(IllegalStateException.class, key::value);
    }

    @Test
    void aMissingSecretIsNoKey() {
        var error = assertThrows(MemGuardException.class, () -> keys.secretKey("missing", "AES"));
        assertEquals(ErrorCode.RETRIEVE_FAILED, error.code());
    }

    @ParameterizedTest
    @ValueSource(ints = {-8, 0, 7, 100, 32_776})
    void aLengthThatNoKeyHasIsRefused(int bits) {
        var error = assertThrows(MemGuardException.class, () -> keys.generateKey("k", "HmacSHA256", bits));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, error.code());
        assertFalse(guard.contains("k"));
    }

    @Test
    void theProviderIsInstalledOnceAndFirst() {
        try {
            MemGuardProvider.install();
            var first = Security.getProviders()[0];
            assertInstanceOf(MemGuardProvider.class, first);
            MemGuardProvider.install();
            assertSame(first, Security.getProviders()[0]);
            assertEquals(
                    1,
                    java.util.Arrays.stream(Security.getProviders())
                            .filter(MemGuardProvider.class::isInstance)
                            .count());
        } finally {
            Security.removeProvider(MemGuardProvider.NAME);
        }
    }
}
