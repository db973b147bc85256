package io.memguard.jca;

import java.io.InvalidObjectException;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.Serial;
import javax.crypto.SecretKey;
import org.jspecify.annotations.Nullable;

/**
 * A symmetric key that is used where it lies: for {@code Mac} and {@code Cipher} of {@link MemGuardProvider}. It has no format and
 * no encoding, and can't be serialized. Thread-safe.
 */
public final class ProtectedSecretKey implements SecretKey {
    @Serial
    private static final long serialVersionUID = 1L;

    private final transient SealedKey key;
    private final String algorithm;

    ProtectedSecretKey(SealedKey key, String algorithm) {
        this.key = key;
        this.algorithm = algorithm;
    }

    SealedKey key() {
        return key;
    }

    /** As the caller named it. */
    @Override
    public String getAlgorithm() {
        return algorithm;
    }

    /** None. */
    @Override
    public @Nullable String getFormat() {
        return null;
    }

    /** None: the key never leaves. */
    @Override
    @SuppressWarnings("PMD.ReturnEmptyCollectionRatherThanNull") // As Key.getEncoded says.
    public byte @Nullable [] getEncoded() {
        return null;
    }

    /** Shows nothing. */
    @Override
    public String toString() {
        return "ProtectedSecretKey";
    }

    @Serial
    private Object writeReplace() throws NotSerializableException {
        throw new NotSerializableException("a protected key stays in its process");
    }

    @Serial
    private void readObject(ObjectInputStream in) throws InvalidObjectException {
        throw new InvalidObjectException("a protected key stays in its process");
    }
}
