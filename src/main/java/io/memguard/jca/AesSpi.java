package io.memguard.jca;

import java.nio.ByteBuffer;
import java.security.AlgorithmParameters;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Arrays;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.CipherSpi;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** What all of AES shares: keys of others go to their provider, and what is asked in whole arrays. */
abstract class AesSpi extends CipherSpi {
    private static final byte[] NOTHING = {};

    private final String transformation;
    private @Nullable Cipher other;
    private @Nullable SealedKey key;

    AesSpi(String transformation) {
        this.transformation = transformation;
    }

    /** Begins anew with a key of ours. */
    abstract void begin(
            int mode, SealedKey ours, @Nullable AlgorithmParameterSpec parameters, @Nullable SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException;

    /** What parameters of another form say. */
    abstract @Nullable AlgorithmParameterSpec specification(@Nullable AlgorithmParameters parameters)
            throws InvalidAlgorithmParameterException;

    /** How many bytes at most come out of so many more, now or at the end. */
    abstract int outputSize(int more);

    /** Goes on; the result goes to {@code output}, which has room for what {@link #outputSize} says or is refused. */
    abstract int update(byte[] input, int offset, int length, byte[] output, int to) throws ShortBufferException;

    /** Ends. */
    abstract int finish(byte[] input, int offset, int length, byte[] output, int to)
            throws ShortBufferException, IllegalBlockSizeException, BadPaddingException;

    /** Drops what was begun, and wipes its state. */
    abstract void clear();

    /** Authenticates what is not encrypted. */
    abstract void authenticate(byte[] input, int offset, int length);

    abstract byte @Nullable [] iv();

    abstract @Nullable AlgorithmParameters parameters();

    /** The key of this operation. */
    final SealedKey key() {
        SealedKey present = key;
        if (present == null) {
            throw new IllegalStateException("this Cipher has no key; call init first");
        }
        return present;
    }

    @Override
    protected final void engineInit(int mode, Key given, SecureRandom random) throws InvalidKeyException {
        try {
            engineInit(mode, given, (AlgorithmParameterSpec) null, random);
        } catch (InvalidAlgorithmParameterException e) {
            throw new InvalidKeyException(e.getMessage(), e);
        }
    }

    @Override
    protected final void engineInit(int mode, Key given, @Nullable AlgorithmParameters parameters, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (given instanceof ProtectedSecretKey) {
            engineInit(mode, given, specification(parameters), random);
        } else {
            hand(given, cipher -> cipher.init(mode, given, parameters, random));
        }
    }

    @Override
    protected final void engineInit(
            int mode, Key given, @Nullable AlgorithmParameterSpec parameters, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (given instanceof ProtectedSecretKey ours) {
            other = null;
            key = null;
            ours.key().valueForInit();
            begin(mode, ours.key(), parameters, random);
            key = ours.key();
        } else {
            hand(given, cipher -> {
                if (parameters == null) {
                    cipher.init(mode, given, random);
                } else {
                    cipher.init(mode, given, parameters, random);
                }
            });
        }
    }

    /** Initializes a cipher of another provider. */
    @FunctionalInterface
    private interface Init {
        void of(Cipher cipher) throws InvalidKeyException, InvalidAlgorithmParameterException;
    }

    private void hand(@Nullable Key given, Init init) throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (given == null) {
            throw new InvalidKeyException("a cipher needs a key");
        }
        clear();
        key = null;
        other = OtherProviders.first("Cipher." + transformation.split("/", -1)[0], given, provider -> {
            var cipher = Cipher.getInstance(transformation, provider);
            init.of(cipher);
            return cipher;
        });
    }

    @Override
    protected final byte @Nullable [] engineUpdate(byte[] input, int offset, int length) {
        Cipher foreign = other;
        if (foreign != null) {
            return foreign.update(input, offset, length);
        }
        try {
            var output = new byte[outputSize(length)];
            int made = update(input, offset, length, output, 0);
            return exactly(output, made);
        } catch (ShortBufferException e) {
            throw new ProviderException(e);
        }
    }

    @Override
    protected final int engineUpdate(byte[] input, int offset, int length, byte[] output, int to)
            throws ShortBufferException {
        Cipher foreign = other;
        if (foreign != null) {
            return foreign.update(input, offset, length, output, to);
        }
        return update(apart(input, offset, length, output), shifted(offset, input, output), length, output, to);
    }

    @Override
    protected final byte[] engineDoFinal(byte @Nullable [] input, int offset, int length)
            throws IllegalBlockSizeException, BadPaddingException {
        byte[] data = input == null ? NOTHING : input;
        Cipher foreign = other;
        if (foreign != null) {
            return foreign.doFinal(data, offset, length);
        }
        try {
            var output = new byte[outputSize(length)];
            int made = finish(data, offset, length, output, 0);
            return exactly(output, made);
        } catch (ShortBufferException e) {
            throw new ProviderException(e);
        }
    }

    @Override
    protected final int engineDoFinal(byte @Nullable [] input, int offset, int length, byte[] output, int to)
            throws ShortBufferException, IllegalBlockSizeException, BadPaddingException {
        byte[] data = input == null ? NOTHING : input;
        Cipher foreign = other;
        if (foreign != null) {
            return foreign.doFinal(data, offset, length, output, to);
        }
        return finish(apart(data, offset, length, output), shifted(offset, data, output), length, output, to);
    }

    @Override
    protected final void engineUpdateAAD(byte[] input, int offset, int length) {
        Cipher foreign = other;
        if (foreign != null) {
            foreign.updateAAD(input, offset, length);
        } else {
            authenticate(input, offset, length);
        }
    }

    @Override
    protected final void engineUpdateAAD(ByteBuffer input) {
        var bytes = new byte[input.remaining()];
        input.get(bytes);
        engineUpdateAAD(bytes, 0, bytes.length);
    }

    /** The input, or a copy of it where the output would run over it. */
    private static byte[] apart(byte[] input, int offset, int length, byte[] output) {
        return areOne(input, output) && length > 0 ? Arrays.copyOfRange(input, offset, offset + length) : input;
    }

    @SuppressWarnings("ReferenceEquality") // Asks for the array, not for what is in it.
    private static boolean areOne(byte[] input, byte[] output) {
        return input == output;
    }

    private static int shifted(int offset, byte[] input, byte[] output) {
        return areOne(input, output) ? 0 : offset;
    }

    private static byte[] exactly(byte[] output, int length) {
        if (length == output.length) {
            return output;
        }
        byte[] part = Arrays.copyOf(output, length);
        Arrays.fill(output, (byte) 0);
        return part;
    }

    @Override
    protected final void engineSetMode(String mode) throws NoSuchAlgorithmException {
        throw new NoSuchAlgorithmException(mode + ": ask for the whole transformation, " + transformation);
    }

    @Override
    protected final void engineSetPadding(String padding) throws NoSuchPaddingException {
        throw new NoSuchPaddingException(padding + ": ask for the whole transformation, " + transformation);
    }

    @Override
    protected int engineGetBlockSize() {
        return 16;
    }

    @Override
    protected final int engineGetOutputSize(int length) {
        Cipher foreign = other;
        return foreign != null ? foreign.getOutputSize(length) : outputSize(length);
    }

    @Override
    protected final byte @Nullable [] engineGetIV() {
        Cipher foreign = other;
        return foreign != null ? foreign.getIV() : iv();
    }

    @Override
    protected final @Nullable AlgorithmParameters engineGetParameters() {
        Cipher foreign = other;
        return foreign != null ? foreign.getParameters() : parameters();
    }

    /** In bits; one of ours is asked where it lies. */
    @Override
    protected final int engineGetKeySize(Key given) throws InvalidKeyException {
        if (given instanceof ProtectedSecretKey ours) {
            return 8 * ours.key().valueForInit().length();
        }
        byte[] encoded = given.getEncoded();
        if (encoded == null) {
            throw new InvalidKeyException("the key has no encoding; ask its own provider");
        }
        return 8 * encoded.length;
    }

    @Override
    protected final byte[] engineWrap(Key given) throws IllegalBlockSizeException, InvalidKeyException {
        Cipher foreign = other;
        if (foreign != null) {
            return foreign.wrap(given);
        }
        return given instanceof ProtectedSecretKey ours ? wrapOurs(ours) : wrapForeign(given);
    }

    /** Wraps a key that never leaves otherwise. */
    byte[] wrapOurs(ProtectedSecretKey ours) throws IllegalBlockSizeException, InvalidKeyException {
        throw new InvalidKeyException(
                "a protected key is wrapped by AESWrap (AES/KW/NoPadding) or AES/KWP/NoPadding alone");
    }

    private byte[] wrapForeign(Key given) throws IllegalBlockSizeException, InvalidKeyException {
        byte[] encoded = given.getEncoded();
        if (encoded == null) {
            throw new InvalidKeyException("the key that is to be wrapped has no encoding");
        }
        try {
            return engineDoFinal(encoded, 0, encoded.length);
        } catch (BadPaddingException e) {
            throw new InvalidKeyException(e);
        } finally {
            Arrays.fill(encoded, (byte) 0);
        }
    }

    @Override
    protected final Key engineUnwrap(byte[] wrapped, String algorithm, int type)
            throws InvalidKeyException, NoSuchAlgorithmException {
        Cipher foreign = other;
        if (foreign != null) {
            return foreign.unwrap(wrapped, algorithm, type);
        }
        if (type != Cipher.SECRET_KEY) {
            throw new InvalidKeyException("only secret keys are unwrapped; import private keys by ProtectedKeys");
        }
        return unwrap(wrapped, algorithm);
    }

    Key unwrap(byte[] wrapped, String algorithm) throws InvalidKeyException {
        try {
            return new SecretKeySpec(engineDoFinal(wrapped, 0, wrapped.length), algorithm);
        } catch (IllegalBlockSizeException | BadPaddingException e) {
            throw new InvalidKeyException(e.getMessage(), e);
        }
    }
}
