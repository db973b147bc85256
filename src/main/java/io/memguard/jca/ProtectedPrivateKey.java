package io.memguard.jca;

import java.io.InvalidObjectException;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.Serial;
import java.security.PrivateKey;
import org.jspecify.annotations.Nullable;

/**
 * A private key that is used where it lies, by {@link MemGuardProvider}. It has no format and no encoding, and can't be
 * serialized. Thread-safe.
 */
public abstract sealed class ProtectedPrivateKey implements PrivateKey
        permits ProtectedEcKey, ProtectedEdKey, ProtectedRsaKey {
    @Serial
    private static final long serialVersionUID = 1L;

    private final transient SealedKey key;
    private final String algorithm;

    ProtectedPrivateKey(SealedKey key, String algorithm) {
        this.key = key;
        this.algorithm = algorithm;
    }

    SealedKey key() {
        return key;
    }

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
    public byte @Nullable [] getEncoded() {
        return null;
    }

    /** Shows nothing but the algorithm. */
    @Override
    public String toString() {
        return "ProtectedPrivateKey[" + algorithm + "]";
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
