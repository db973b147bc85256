package io.memguard.jca;

import io.memguard.memory.Hmac;
import io.memguard.memory.SealedValue;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.MacSpi;
import org.jspecify.annotations.Nullable;

/** HMAC with a protected key: a short message by one native call, others in steps; keys of others go to their provider. */
final class HmacSpi extends MacSpi implements Cloneable {
    private final String algorithm;
    private final int hash;
    private final int length;

    private @Nullable SealedKey key;
    private byte @Nullable [] begun; // What came so far, where that is short; of the pool.
    private int count;
    private @Nullable Hmac steps;
    private @Nullable Mac other;

    /** @param hash as the native library numbers it; {@code length}: of the result, in bytes */
    HmacSpi(String algorithm, int hash, int length) {
        this.algorithm = algorithm;
        this.hash = hash;
        this.length = length;
    }

    @Override
    protected int engineGetMacLength() {
        return length;
    }

    @Override
    protected void engineInit(@Nullable Key given, @Nullable AlgorithmParameterSpec parameters)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        engineReset();
        other = null;
        key = null;
        if (given == null) {
            throw new InvalidKeyException("an HMAC needs a key");
        }
        if (!(given instanceof ProtectedSecretKey ours)) {
            other = OtherProviders.first("Mac." + algorithm, given, provider -> {
                var mac = Mac.getInstance(algorithm, provider);
                mac.init(given, parameters);
                return mac;
            });
            return;
        }
        if (parameters != null) {
            throw new InvalidAlgorithmParameterException("HMAC has no parameters; init takes the key alone");
        }
        ours.key().valueForInit();
        key = ours.key();
    }

    @Override
    protected void engineUpdate(byte input) {
        engineUpdate(new byte[] {input}, 0, 1);
    }

    @Override
    protected void engineUpdate(byte[] input, int offset, int size) {
        if (other != null) {
            other.update(input, offset, size);
        } else if (steps != null) {
            steps.update(MemorySegment.ofArray(input).asSlice(offset, size));
        } else if (size <= MessageBuffers.LENGTH - count) {
            byte[] buffer = buffer();
            System.arraycopy(input, offset, buffer, count, size);
            count += size;
        } else {
            inSteps().update(MemorySegment.ofArray(input).asSlice(offset, size));
        }
    }

    @Override
    protected void engineUpdate(ByteBuffer input) {
        if (other != null) {
            other.update(input);
        } else if (input.isDirect()) {
            // Not through the heap: whoever has it in native memory may have it there for a reason.
            inSteps().update(MemorySegment.ofBuffer(input));
            input.position(input.limit());
        } else {
            super.engineUpdate(input);
        }
    }

    @Override
    protected byte[] engineDoFinal() {
        if (other != null) {
            return other.doFinal();
        }
        SealedValue value = value();
        Hmac going = steps;
        byte[] mac = going != null ? going.finish() : Hmac.of(value, hash, buffer(), count, length);
        engineReset();
        return mac;
    }

    @Override
    protected void engineReset() {
        Mac foreign = other;
        if (foreign != null) {
            foreign.reset();
        }
        Hmac going = steps;
        if (going != null) {
            steps = null;
            going.close();
        }
        byte[] buffer = begun;
        if (buffer != null) {
            begun = null;
            MessageBuffers.giveBack(buffer, count);
            count = 0;
        }
    }

    /** One that goes on where this one is. */
    @Override
    public Object clone() throws CloneNotSupportedException {
        var copy = (HmacSpi) super.clone();
        byte[] buffer = begun;
        copy.begun = buffer == null ? null : Arrays.copyOf(buffer, buffer.length);
        Hmac going = steps;
        copy.steps = going == null ? null : going.copy();
        Mac foreign = other;
        copy.other = foreign == null ? null : (Mac) foreign.clone();
        return copy;
    }

    private Hmac inSteps() {
        Hmac going = steps;
        if (going == null) {
            going = Hmac.begin(value(), hash, buffer(), count, length);
            steps = going;
        }
        return going;
    }

    private byte[] buffer() {
        byte[] buffer = begun;
        if (buffer == null) {
            buffer = MessageBuffers.take();
            begun = buffer;
        }
        return buffer;
    }

    private SealedValue value() {
        SealedKey present = key;
        if (present == null) {
            throw new IllegalStateException("this Mac has no key; call init first");
        }
        return present.value();
    }
}
