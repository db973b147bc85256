package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.os.Forgotten;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.security.InvalidKeyException;
import org.jspecify.annotations.Nullable;

/** AES in steps; its key schedule lies in protected memory, and is wiped when it is closed or forgotten. Not thread-safe. */
public final class AesSteps implements AutoCloseable {
    /** GCM, to encrypt. */
    public static final int GCM = 1;

    /** CTR. */
    public static final int CTR = 2;

    /** CBC of whole blocks. */
    public static final int CBC = 3;

    /** CBC with the padding of PKCS #7, which JCA calls PKCS5Padding. */
    public static final int CBC_PADDED = 4;

    private static final int BLOCK = 16;

    private final long number;
    private final Runnable closing;

    private AesSteps(long number) {
        this.number = number;
        this.closing = Forgotten.watch(this, () -> mg_cipher_free(number));
    }

    /** Refuses a key that AES does not take. */
    public static void requireKeyLength(SealedValue key) throws InvalidKeyException {
        int length = key.length();
        if (length != 16 && length != 24 && length != 32) {
            throw new InvalidKeyException("an AES key has 16, 24 or 32 bytes, and this one " + length);
        }
    }

    /** Begins with an IV of 16 bytes, or for GCM of any length. */
    public static AesSteps begin(SealedValue key, int mode, boolean encrypt, byte[] iv) {
        SymmetricCalls.link();
        try (var arena = Arena.ofConfined()) {
            var nonce = arena.allocateFrom(ValueLayout.JAVA_BYTE, iv);
            int way = encrypt ? 1 : 0;
            long number = SymmetricCalls.checked(
                    mg_cipher_begin(key.cache(), key.handle(), mode, way, nonce, iv.length),
                    () -> mg_cipher_begin(key.cache(), key.handle(), mode, way, nonce, iv.length));
            return new AesSteps(number);
        } finally {
            Reference.reachabilityFence(key);
        }
    }

    /** Authenticates by GCM what is not encrypted, before the first text. */
    public void authenticate(byte[] aad, int offset, int length) {
        var data = MemorySegment.ofArray(aad).asSlice(offset, length);
        try {
            for (int at = 0; at < length; at += SymmetricCalls.SHORT) {
                int step = Math.min(SymmetricCalls.SHORT, length - at);
                SymmetricCalls.checked(mg_cipher_aad(number, data.asSlice(at, step), step));
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Goes on with GCM or CTR, which give as much as they get, or with CBC, which keeps up to a block back.
     *
     * @param output has room for the result, and for CBC 16 bytes more than the input; not the input
     * @return how many bytes were written
     */
    public int update(byte[] input, int offset, int length, byte[] output, int to) {
        var data = MemorySegment.ofArray(input).asSlice(offset, length);
        var out = MemorySegment.ofArray(output).asSlice(to);
        int made = 0;
        try {
            for (int at = 0; at < length; at += SymmetricCalls.SHORT) {
                int step = Math.min(SymmetricCalls.SHORT, length - at);
                long room = out.byteSize() - made;
                made += (int) SymmetricCalls.checked(
                        mg_cipher_update(number, data.asSlice(at, step), step, out.asSlice(made), room));
            }
        } finally {
            Reference.reachabilityFence(this);
        }
        return made;
    }

    /** Ends GCM: writes the tag. */
    public void finish(byte[] output, int to, int tag) {
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(tag);
            SymmetricCalls.checked(mg_cipher_finish(number, out, tag));
            MemorySegment.copy(out, ValueLayout.JAVA_BYTE, 0, output, to, tag);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Ends the other modes: what was kept back, or null where the last block is not whole, or its padding is none. */
    public byte @Nullable [] finish() {
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(BLOCK);
            long made = mg_cipher_finish(number, out, BLOCK);
            if (made == MG_ERR_AUTHENTICATION()) {
                return null;
            }
            SymmetricCalls.checked(made);
            byte[] last = out.asSlice(0, made).toArray(ValueLayout.JAVA_BYTE);
            out.fill((byte) 0);
            return last;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Wipes the state. Idempotent. */
    @Override
    public void close() {
        closing.run();
    }
}
