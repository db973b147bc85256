package io.memguard.jca;

import io.memguard.MemGuardException;
import io.memguard.memory.PrivateKeyCalls;
import io.memguard.memory.SealedValue;
import java.nio.ByteBuffer;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.MessageDigest;
import java.security.ProviderException;
import java.security.SignatureException;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import org.jspecify.annotations.Nullable;

/** RSASSA-PSS; parameters may come before the key or after it, but not in the middle of a message. */
final class PssSigningSpi extends SigningSpi {
    private @Nullable PSSParameterSpec parameters;
    private @Nullable MessageDigest digest;
    private boolean begun;

    /** @param parameters what holds until others are set; null where some must be set */
    PssSigningSpi(String algorithm, @Nullable PSSParameterSpec parameters) {
        super(algorithm, ProtectedRsaKey.class);
        this.parameters = parameters;
    }

    @Override
    void configure(AlgorithmParameterSpec spec) throws InvalidAlgorithmParameterException {
        if (!(spec instanceof PSSParameterSpec pss)
                || !(pss.getMGFParameters() instanceof MGF1ParameterSpec mask)
                || pss.getTrailerField() != 1) {
            throw new InvalidAlgorithmParameterException("PSS takes a PSSParameterSpec with MGF1 and trailer field 1");
        }
        if (begun) {
            throw new InvalidAlgorithmParameterException("parameters can't change in the middle of a message");
        }
        try {
            PrivateKeyCalls.digest(pss.getDigestAlgorithm());
            PrivateKeyCalls.digest(mask.getDigestAlgorithm());
        } catch (MemGuardException e) {
            throw new InvalidAlgorithmParameterException(e.getMessage(), e);
        }
        parameters = pss;
        digest = null;
    }

    @Override
    protected @Nullable AlgorithmParameters engineGetParameters() {
        if (parameters == null) {
            return null;
        }
        try {
            var encoded = AlgorithmParameters.getInstance("RSASSA-PSS");
            encoded.init(parameters);
            return encoded;
        } catch (GeneralSecurityException e) {
            throw new ProviderException(e);
        }
    }

    private MessageDigest digest() {
        if (parameters == null) {
            throw new ProviderException("RSASSA-PSS needs parameters; call setParameter first");
        }
        MessageDigest known = digest;
        if (known == null) {
            known = DigestSigningSpi.digest(parameters.getDigestAlgorithm());
            digest = known;
        }
        begun = true;
        return known;
    }

    @Override
    void reset() {
        begun = false;
        if (digest != null) {
            digest.reset();
        }
    }

    @Override
    void add(byte[] bytes, int offset, int length) {
        digest().update(bytes, offset, length);
    }

    @Override
    void add(ByteBuffer bytes) {
        digest().update(bytes);
    }

    @Override
    byte[] finish(SealedValue value) throws SignatureException {
        PSSParameterSpec set = parameters;
        if (set == null) {
            throw new SignatureException("RSASSA-PSS needs parameters; call setParameter first");
        }
        int hash = PrivateKeyCalls.digest(set.getDigestAlgorithm());
        int mask = PrivateKeyCalls.digest(((MGF1ParameterSpec) set.getMGFParameters()).getDigestAlgorithm());
        return PrivateKeyCalls.sign(
                value, PrivateKeyCalls.RSA_PSS | hash << 8 | mask << 16, set.getSaltLength(), digest().digest());
    }
}
