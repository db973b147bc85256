package io.memguard.jca;

import io.memguard.Secret;
import io.memguard.memory.Hmac;
import io.memguard.memory.SealedValue;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.ProviderException;
import org.jspecify.annotations.Nullable;

/** The sealed bytes of one key, and the secret that they were read from: deleted, the key is refused. Thread-safe. */
final class SealedKey {
    private final SealedValue value;
    private final Secret secret;

    SealedKey(SealedValue value, Secret secret) {
        this.value = value;
        this.secret = secret;
    }

    /** To be asked before every operation; where nothing changed it costs a few nanoseconds. */
    SealedValue value() {
        if (!secret.exists()) {
            throw new ProviderException(gone());
        }
        return value;
    }

    /** The same for the initialization of an engine. */
    SealedValue valueForInit() throws InvalidKeyException {
        if (!secret.exists()) {
            throw new InvalidKeyException(gone());
        }
        return value;
    }

    /** Whether the bytes are the same: two handles may be of one secret. */
    boolean isSameAs(@Nullable SealedKey other) {
        return equals(other)
                || (other != null
                        && value.length() == other.value.length() // 0 where its store is closed
                        && MessageDigest.isEqual(fingerprint(), other.fingerprint()));
    }

    private byte[] fingerprint() {
        return Hmac.of(value, 256, new byte[0], 0, 32);
    }

    private static String gone() {
        return "the key's secret was deleted; store a key under its name, and ask ProtectedKeys for it again";
    }
}
