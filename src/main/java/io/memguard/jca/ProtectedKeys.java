package io.memguard.jca;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.memory.KeyCaches;
import io.memguard.memory.SealedValue;
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
