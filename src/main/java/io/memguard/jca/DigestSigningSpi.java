package io.memguard.jca;

import io.memguard.memory.PrivateKeyCalls;
import io.memguard.memory.SealedValue;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.ProviderException;

/** Signs a digest of the message: ECDSA, and RSA by PKCS#1. */
final class DigestSigningSpi extends SigningSpi {
    private final MessageDigest digest;
    private final int way;

    DigestSigningSpi(String algorithm, Class<? extends ProtectedPrivateKey> keys, String digest, int way) {
        super(algorithm, keys);
        this.digest = digest(digest);
        this.way = way;
    }

    static MessageDigest digest(String name) {
        try {
            return MessageDigest.getInstance(name);
        } catch (NoSuchAlgorithmException e) {
            throw new ProviderException(e);
        }
    }

    @Override
    void reset() {
        digest.reset();
    }

    @Override
    void add(byte[] bytes, int offset, int length) {
        digest.update(bytes, offset, length);
    }

    @Override
    void add(ByteBuffer bytes) {
        digest.update(bytes);
    }

    @Override
    byte[] finish(SealedValue value) {
        return PrivateKeyCalls.sign(value, way, 0, digest.digest());
    }
}
