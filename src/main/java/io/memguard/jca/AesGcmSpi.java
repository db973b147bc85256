package io.memguard.jca;

import io.memguard.memory.AesGcm;
import io.memguard.memory.AesSteps;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidParameterSpecException;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.GCMParameterSpec;
import org.jspecify.annotations.Nullable;

/**
 * AES-GCM with a protected key. It encrypts a long message in steps; what it decrypts is kept back, still encrypted, until all of
 * it was verified.
 */
final class AesGcmSpi extends AesSpi {
    private static final int IV = 12;
    private static final int MOST = 1 << 30; // As for any value.
    private static final byte[] NOTHING = {};

    private boolean encrypts;
    private int tag = 16;
    private byte @Nullable [] iv;
    private boolean used; // The IV, so that nothing more may be encrypted with it.
    private @Nullable SealedKey lastKey; // Of the last encryption, also while something is decrypted in between.
    private byte @Nullable [] lastIv;
    private byte[] aad = NOTHING;
    private int aadLength;
    private byte[] kept = NOTHING;
    private int keptLength;
    private boolean begun;
    private @Nullable AesSteps steps;

    AesGcmSpi() {
        super("AES/GCM/NoPadding");
    }

    @Override
    void begin(int mode, SealedKey ours, @Nullable AlgorithmParameterSpec parameters, @Nullable SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        boolean encrypting = mode == Cipher.ENCRYPT_MODE || mode == Cipher.WRAP_MODE;
        AesSteps.requireKeyLength(ours.valueForInit());
        int bits = 128;
        byte[] next;
        if (parameters instanceof GCMParameterSpec gcm) {
            bits = gcm.getTLen();
            next = gcm.getIV();
        } else if (parameters != null) {
            throw new InvalidAlgorithmParameterException("GCM takes a GCMParameterSpec, not another class");
        } else if (encrypting) {
            next = new byte[IV];
            (random == null ? new SecureRandom() : random).nextBytes(next);
        } else {
            throw new InvalidAlgorithmParameterException("GCM needs the IV to decrypt; pass a GCMParameterSpec");
        }
        if (bits < 96 || bits > 128 || bits % 8 != 0) {
            throw new InvalidAlgorithmParameterException("a tag has 128, 120, 112, 104 or 96 bits, not " + bits);
        }
        if (next.length == 0 || next.length > AesGcm.MOST) {
            throw new InvalidAlgorithmParameterException("an IV has 1 to " + AesGcm.MOST + " bytes; 12 are usual");
        }
        if (encrypting && Arrays.equals(next, lastIv) && ours.isSameAs(lastKey)) {
            throw new InvalidAlgorithmParameterException(
                    "this IV was used with this key; take another one for each message");
        }
        clear();
        encrypts = encrypting;
        tag = bits / 8;
        iv = next;
        used = false;
        if (encrypting) {
            lastKey = ours;
            lastIv = next;
        }
    }

    @Override
    @Nullable
    AlgorithmParameterSpec specification(@Nullable AlgorithmParameters parameters)
            throws InvalidAlgorithmParameterException {
        try {
            return parameters == null ? null : parameters.getParameterSpec(GCMParameterSpec.class);
        } catch (InvalidParameterSpecException e) {
            throw new InvalidAlgorithmParameterException("GCM takes parameters of GCM", e);
        }
    }

    @Override
    int outputSize(int more) {
        return encrypts
                ? Math.addExact(Math.addExact(more, keptLength), tag)
                : Math.max(0, Math.addExact(more, keptLength) - tag);
    }

    @Override
    void authenticate(byte[] input, int offset, int length) {
        requireFresh();
        if (begun) {
            throw new IllegalStateException("additional data comes before the text; call updateAAD first");
        }
        aad = appended(aad, aadLength, input, offset, length);
        aadLength += length;
    }

    @Override
    int update(byte[] input, int offset, int length, byte[] output, int to) throws ShortBufferException {
        requireFresh();
        if (!encrypts) {
            begun = true;
            kept = appended(kept, keptLength, input, offset, length);
            keptLength += length;
            return 0;
        }
        requireRoom(output, to, length);
        begun = true;
        if (length > 0) {
            inSteps().update(input, offset, length, output, to);
        }
        return length;
    }

    @Override
    int finish(byte[] input, int offset, int length, byte[] output, int to)
            throws ShortBufferException, AEADBadTagException {
        requireFresh();
        return encrypts ? seal(input, offset, length, output, to) : open(input, offset, length, output, to);
    }

    private int seal(byte[] input, int offset, int length, byte[] output, int to) throws ShortBufferException {
        requireRoom(output, to, (long) length + tag);
        AesSteps going = steps;
        used = true; // Also where it fails in the middle: a part may be out already.
        try {
            if (going != null || length > AesGcm.MOST || aadLength > AesGcm.MOST) {
                going = inSteps();
                going.update(input, offset, length, output, to);
                going.finish(output, to + length, tag);
            } else {
                message().seal(key().value(), input, offset, length, output, to);
            }
        } finally {
            clear();
        }
        return length + tag;
    }

    private int open(byte[] input, int offset, int length, byte[] output, int to)
            throws ShortBufferException, AEADBadTagException {
        long whole = (long) keptLength + length;
        if (whole < tag) {
            clear();
            throw new AEADBadTagException("the message is shorter than its tag");
        }
        requireRoom(output, to, whole - tag);
        byte[] sealed = input;
        int from = offset;
        if (keptLength > 0) {
            sealed = appended(kept, keptLength, input, offset, length);
            from = 0;
        }
        boolean good = message().open(key().value(), sealed, from, (int) whole, output, to);
        clear();
        if (!good) {
            throw new AEADBadTagException("the message was changed, or has another key, IV or additional data");
        }
        return (int) whole - tag;
    }

    private AesGcm message() {
        byte[] nonce = iv;
        if (nonce == null) {
            throw new IllegalStateException("this Cipher has no IV; call init first");
        }
        return new AesGcm(nonce, aad, aadLength, tag);
    }

    private AesSteps inSteps() {
        AesSteps going = steps;
        if (going == null) {
            byte[] nonce = message().iv();
            going = AesSteps.begin(key().value(), AesSteps.GCM, true, nonce);
            steps = going;
            going.authenticate(aad, 0, aadLength);
        }
        return going;
    }

    private void requireFresh() {
        key();
        if (encrypts && used) {
            throw new IllegalStateException("a message was encrypted with this IV; call init with another one");
        }
    }

    private static void requireRoom(byte[] output, int to, long need) throws ShortBufferException {
        if (output.length - to < need) {
            throw new ShortBufferException("the output has room for " + (output.length - to) + " bytes, and needs "
                    + need + "; nothing was done yet");
        }
    }

    private static byte[] appended(byte[] before, int used, byte[] more, int offset, int length) {
        long whole = (long) used + length;
        if (whole > MOST) {
            throw new ProviderException("a message has at most 1 GiB; encrypt longer ones in pieces");
        }
        byte[] all = before.length >= whole
                ? before
                : Arrays.copyOf(before, (int) Math.max(whole, Math.min(MOST, 2L * used)));
        System.arraycopy(more, offset, all, used, length);
        return all;
    }

    @Override
    void clear() {
        AesSteps going = steps;
        if (going != null) {
            steps = null;
            going.close();
        }
        aad = NOTHING;
        aadLength = 0;
        kept = NOTHING;
        keptLength = 0;
        begun = false;
    }

    @Override
    byte @Nullable [] iv() {
        byte[] present = iv;
        return present == null ? null : present.clone();
    }

    @Override
    @Nullable
    AlgorithmParameters parameters() {
        byte[] present = iv;
        if (present == null) {
            return null;
        }
        try {
            var parameters = AlgorithmParameters.getInstance("GCM");
            parameters.init(new GCMParameterSpec(8 * tag, present));
            return parameters;
        } catch (GeneralSecurityException e) {
            throw new ProviderException("no provider has parameters of GCM", e);
        }
    }
}
