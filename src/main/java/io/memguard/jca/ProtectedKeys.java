package io.memguard.jca;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.Status;
import io.memguard.memory.KeyCaches;
import io.memguard.memory.PrivateKeyCalls;
import io.memguard.memory.SealedValue;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Objects;
import javax.crypto.SecretKey;

/**
 * The secrets of a store as keys that work: each is used where it lies, in protected memory, and is never on the heap.
 *
 * <p>A handle is one key: it goes on working after its secret is replaced, and fails after that is deleted, or the store closed.
 * Engines for them are {@link MemGuardProvider}'s. Thread-safe.
 */
public final class ProtectedKeys {
    private static final int MOST_BITS = 8 * 4096;

    private final MemGuard guard;

    private ProtectedKeys(MemGuard guard) {
        this.guard = guard;
    }

    /** The keys of a store. */
    public static ProtectedKeys of(MemGuard guard) {
        return new ProtectedKeys(Objects.requireNonNull(guard));
    }

    /**
     * A secret as a symmetric key: its bytes as they are.
     *
     * @param algorithm such as {@code HmacSHA256} or {@code AES}, for those who look at it
     * @throws MemGuardException {@link ErrorCode#RETRIEVE_FAILED} where there is no such secret; {@link
     *     ErrorCode#INVALID_ARGUMENTS} where it is empty or too long for a key
     */
    public SecretKey secretKey(String name, String algorithm) {
        requireAlgorithm(algorithm);
        Secret secret = secret(name);
        var value = secret.<SealedValue, RuntimeException>read(bytes -> {
            if (bytes.byteSize() == 0 || bytes.byteSize() > MOST_BITS / 8) {
                throw refused("a symmetric key has 1 to " + MOST_BITS / 8 + " bytes, and this secret "
                        + bytes.byteSize() + "; store the key's raw bytes");
            }
            return SealedValue.copyOf(KeyCaches.of(guard), bytes);
        });
        return new ProtectedSecretKey(new SealedKey(value, secret), algorithm);
    }

    /**
     * Makes a random symmetric key, and stores it, in place of what was there, as a secret of its raw bytes.
     *
     * @param bits how long it is, a multiple of 8
     */
    public SecretKey generateKey(String name, String algorithm, int bits) {
        requireAlgorithm(algorithm);
        if (bits < 8 || bits > MOST_BITS || bits % 8 != 0) {
            throw refused("a key has 8 to " + MOST_BITS + " bits, a multiple of 8, not " + bits);
        }
        try (var key = SecretBuffer.random(bits / 8)) {
            guard.store(name, key);
        }
        return secretKey(name, algorithm);
    }

    /**
     * A secret as a private key: PEM, or DER of PKCS#8, PKCS#1 or SEC1, in PEM with its certificate chain behind it. RSA of 2048 to
     * 8192 bits, P-256, P-384, P-521, Ed25519.
     *
     * @throws MemGuardException {@link ErrorCode#RETRIEVE_FAILED} where there is no such secret; {@link
     *     ErrorCode#INVALID_ARGUMENTS} where it is no such key, or the chain is another key's; {@link ErrorCode#KEY_INVALID} where it
     *     is encrypted
     */
    public PrivateKey privateKey(String name) {
        return material(name).privateKey();
    }

    /** The public half of a private key; errors as by {@link #privateKey}. */
    public PublicKey publicKey(String name) {
        return material(name).publicKey();
    }

    /** The certificates behind a private key, its own first; none where it has none. Errors as by {@link #privateKey}. */
    public List<X509Certificate> certificateChain(String name) {
        return material(name).chain();
    }

    /** Makes a key pair, and stores the private key, in place of what was there, as PKCS#8 in PEM. */
    public KeyPair generateKeyPair(String name, KeyType type) {
        Objects.requireNonNull(type);
        try (var pem = SecretBuffer.allocate(PrivateKeyCalls.PEM_SIZE)) {
            long length = pem.<Long, RuntimeException>write(
                    target -> PrivateKeyCalls.generate(type.kind(), type.bits(), target));
            pem.<Status, RuntimeException>read(bytes -> guard.store(name, bytes.asSlice(0, length)));
        }
        KeyMaterial material = material(name);
        return new KeyPair(material.publicKey(), material.privateKey());
    }

    private KeyMaterial material(String name) {
        Secret secret = secret(name);
        return secret.<KeyMaterial, RuntimeException>read(
                bytes -> KeyMaterial.of(PrivateKeyCalls.read(KeyCaches.of(guard), bytes, null), secret));
    }

    private Secret secret(String name) {
        return guard.secret(name)
                .orElseThrow(() -> new MemGuardException(
                        ErrorCode.RETRIEVE_FAILED,
                        "there is no secret of this name; store the key first, or generate one"));
    }

    private static void requireAlgorithm(String algorithm) {
        if (algorithm == null || algorithm.isBlank()) {
            throw refused("a key has the name of an algorithm, such as HmacSHA256 or AES");
        }
    }

    private static MemGuardException refused(String why) {
        return new MemGuardException(ErrorCode.INVALID_ARGUMENTS, why);
    }
}
