package io.memguard.jca;

import java.io.Serial;
import java.security.interfaces.EdECKey;
import java.security.spec.NamedParameterSpec;

/** A key of Ed25519. */
public final class ProtectedEdKey extends ProtectedPrivateKey implements EdECKey {
    @Serial
    private static final long serialVersionUID = 1L;

    private final transient NamedParameterSpec curve;

    ProtectedEdKey(SealedKey key, NamedParameterSpec curve) {
        super(key, "EdDSA");
        this.curve = curve;
    }

    @Override
    public NamedParameterSpec getParams() {
        return curve;
    }
}
