package io.memguard.jca;

import java.io.Serial;
import java.security.interfaces.ECKey;
import java.security.spec.ECParameterSpec;

/** A key on P-256, P-384 or P-521. */
public final class ProtectedEcKey extends ProtectedPrivateKey implements ECKey {
    @Serial
    private static final long serialVersionUID = 1L;

    private final transient ECParameterSpec curve;

    ProtectedEcKey(SealedKey key, ECParameterSpec curve) {
        super(key, "EC");
        this.curve = curve;
    }

    @Override
    public ECParameterSpec getParams() {
        return curve;
    }
}
