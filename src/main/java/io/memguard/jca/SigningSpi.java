package io.memguard.jca;

import io.memguard.MemGuardException;
import io.memguard.memory.SealedValue;
import java.nio.ByteBuffer;
import java.security.AlgorithmParameters;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.InvalidParameterException;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.SignatureException;
import java.security.SignatureSpi;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Signs by protected keys. Other keys, and public ones, come here only where JCA had to decide for a provider before it saw
 * the key: the next provider does the work then.
 */
abstract class SigningSpi extends SignatureSpi {
    private final String algorithm;
    private final Class<? extends ProtectedPrivateKey> keys;
    private @Nullable SealedKey key;
    private @Nullable Signature next;
    private @Nullable AlgorithmParameterSpec parameters;

    SigningSpi(String algorithm, Class<? extends ProtectedPrivateKey> keys) {
        this.algorithm = algorithm;
        this.keys = keys;
    }

    /** Forgets what was added. */
    abstract void reset();

    abstract void add(byte[] bytes, int offset, int length);

    abstract void add(ByteBuffer bytes);

    /** Signs what was added, which is forgotten in any case. */
    abstract byte[] finish(SealedValue value) throws SignatureException;

    /** Takes parameters over; null before there are any. */
    void configure(AlgorithmParameterSpec spec) throws InvalidAlgorithmParameterException {
        throw new InvalidAlgorithmParameterException("this algorithm has no parameters");
    }

    @Override
    protected final void engineInitSign(PrivateKey privateKey) throws InvalidKeyException {
        reset();
        key = null;
        next = null;
        if (keys.isInstance(privateKey)) {
            SealedKey sealed = ((ProtectedPrivateKey) privateKey).key();
            sealed.valueForInit();
            key = sealed;
            return;
        }
        if (privateKey instanceof ProtectedPrivateKey || privateKey == null) {
            throw new InvalidKeyException("this algorithm needs a key of another kind");
        }
        next = other(signature -> signature.initSign(privateKey));
    }

    @Override
    protected final void engineInitSign(PrivateKey privateKey, @Nullable SecureRandom random)
            throws InvalidKeyException {
        engineInitSign(privateKey);
    }

    @Override
    protected final void engineInitVerify(PublicKey publicKey) throws InvalidKeyException {
        reset();
        key = null;
        next = other(signature -> signature.initVerify(publicKey));
    }

    private interface Initialization {
        void init(Signature signature) throws InvalidKeyException;
    }

    private Signature other(Initialization initialization) throws InvalidKeyException {
        InvalidKeyException last = new InvalidKeyException("no provider takes this key for " + algorithm);
        for (Provider provider : Security.getProviders("Signature." + algorithm)) {
            if (provider instanceof MemGuardProvider) {
                continue;
            }
            try {
                Signature signature = Signature.getInstance(algorithm, provider);
                if (parameters != null) {
                    signature.setParameter(parameters);
                }
                initialization.init(signature);
                return signature;
            } catch (InvalidKeyException e) {
                last = e;
            } catch (NoSuchAlgorithmException | InvalidAlgorithmParameterException e) {
                last.addSuppressed(e);
            }
        }
        throw last;
    }

    @Override
    protected final void engineUpdate(byte b) throws SignatureException {
        engineUpdate(new byte[] {b}, 0, 1);
    }

    @Override
    protected final void engineUpdate(byte[] bytes, int offset, int length) throws SignatureException {
        if (next != null) {
            next.update(bytes, offset, length);
        } else {
            add(bytes, offset, length);
        }
    }

    @Override
    protected final void engineUpdate(ByteBuffer bytes) {
        if (next == null) {
            add(bytes);
            return;
        }
        try {
            next.update(bytes);
        } catch (SignatureException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected final byte[] engineSign() throws SignatureException {
        if (next != null) {
            return next.sign();
        }
        try {
            return finish(Objects.requireNonNull(key).value());
        } catch (MemGuardException e) {
            throw new SignatureException(e.getMessage(), e);
        } finally {
            reset();
        }
    }

    @Override
    protected final boolean engineVerify(byte[] signature) throws SignatureException {
        if (next == null) {
            throw new SignatureException("this was initialized for signing");
        }
        return next.verify(signature);
    }

    @Override
    protected final void engineSetParameter(@Nullable AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (spec == null) {
            return;
        }
        configure(spec);
        parameters = spec;
        if (next != null) {
            next.setParameter(spec);
        }
    }

    @Override
    protected @Nullable AlgorithmParameters engineGetParameters() {
        return null;
    }

    @Override
    @Deprecated
    protected final void engineSetParameter(String parameter, Object value) {
        throw new InvalidParameterException("there are no parameters of this kind");
    }

    @Override
    @Deprecated
    protected final Object engineGetParameter(String parameter) {
        throw new InvalidParameterException("there are no parameters of this kind");
    }
}
