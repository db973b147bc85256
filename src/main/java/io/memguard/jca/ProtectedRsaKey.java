package io.memguard.jca;

import java.io.Serial;
import java.math.BigInteger;
import java.security.interfaces.RSAKey;
import java.security.spec.AlgorithmParameterSpec;
import org.jspecify.annotations.Nullable;

/** An RSA key, with its modulus, which is public. */
public final class ProtectedRsaKey extends ProtectedPrivateKey implements RSAKey {
    @Serial
    private static final long serialVersionUID = 1L;

    private final transient BigInteger modulus;

    ProtectedRsaKey(SealedKey key, BigInteger modulus) {
        super(key, "RSA");
        this.modulus = modulus;
    }

    @Override
    public BigInteger getModulus() {
        return modulus;
    }

    /** None: it is for every way to sign. */
    @Override
    public @Nullable AlgorithmParameterSpec getParams() {
        return null;
    }
}
