package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/**
 * AES-GCM of one message.
 *
 * @param iv which must never come again with the same key where it encrypts
 * @param aad what is authenticated only; the first {@code aadLength} bytes
 * @param tag how long the tag is, in bytes
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
public record AesGcm(byte[] iv, byte[] aad, int aadLength, int tag) {
    /** Longer messages are encrypted in steps. */
    public static final int MOST = SymmetricCalls.SHORT;

    /** Encrypts at most {@link #MOST} bytes; {@code to} has room for the tag, and is the same place or apart from it. */
    public void seal(SealedValue key, byte[] plain, int from, int length, byte[] sealed, int to) {
        SymmetricCalls.link();
        try {
            var data = MemorySegment.ofArray(plain).asSlice(from, length);
            var out = MemorySegment.ofArray(sealed).asSlice(to, (long) length + tag);
            long made = seal(key, data, out);
            if (made < 0) {
                SymmetricCalls.checked(made, () -> seal(key, data, out));
            }
        } finally {
            Reference.reachabilityFence(key);
        }
    }

    private long seal(SealedValue key, MemorySegment plain, MemorySegment out) {
        return mg_gcm_seal(
                key.cache(),
                key.handle(),
                MemorySegment.ofArray(iv),
                iv.length,
                MemorySegment.ofArray(aad),
                aadLength,
                plain,
                plain.byteSize(),
                out,
                out.byteSize(),
                tag);
    }

    /**
     * Verifies and decrypts; false, and nothing but zeros, where it does not verify.
     *
     * @param length with the tag
     */
    public boolean open(SealedValue key, byte[] sealed, int from, int length, byte[] plain, int to) {
        SymmetricCalls.link();
        try {
            var data = MemorySegment.ofArray(sealed).asSlice(from, length);
            var out = MemorySegment.ofArray(plain).asSlice(to, length - tag);
            boolean good = (length <= MOST && aadLength <= MOST) ? opened(key, data, out) : openLong(key, data, out);
            return good;
        } finally {
            Reference.reachabilityFence(key);
        }
    }

    /** Through native memory: from the heap it would stop the collection of garbage for long. */
    private boolean openLong(SealedValue key, MemorySegment sealed, MemorySegment out) {
        try (var arena = Arena.ofConfined()) {
            var data = arena.allocate(sealed.byteSize()).copyFrom(sealed);
            var plain = arena.allocate(out.byteSize());
            var more = arena.allocate(Math.max(1, aadLength));
            MemorySegment.copy(aad, 0, more, ValueLayout.JAVA_BYTE, 0, aadLength);
            var nonce = arena.allocate(iv.length);
            MemorySegment.copy(iv, 0, nonce, ValueLayout.JAVA_BYTE, 0, iv.length);
            try {
                boolean good = opened(key, nonce, more, data, plain);
                if (good) {
                    out.copyFrom(plain);
                }
                return good;
            } finally {
                plain.fill((byte) 0);
            }
        }
    }

    private boolean opened(SealedValue key, MemorySegment sealed, MemorySegment out) {
        return opened(key, MemorySegment.ofArray(iv), MemorySegment.ofArray(aad), sealed, out);
    }

    private boolean opened(
            SealedValue key, MemorySegment nonce, MemorySegment more, MemorySegment sealed, MemorySegment out) {
        long made = open(key, nonce, more, sealed, out);
        if (made == MG_ERR_AUTHENTICATION()) {
            return false;
        }
        if (made < 0) {
            made = SymmetricCalls.checkedUnlessForged(made, () -> open(key, nonce, more, sealed, out));
        }
        return made >= 0;
    }

    private long open(
            SealedValue key, MemorySegment nonce, MemorySegment more, MemorySegment sealed, MemorySegment out) {
        return mg_gcm_open(
                key.cache(),
                key.handle(),
                nonce,
                nonce.byteSize(),
                more,
                aadLength,
                sealed,
                sealed.byteSize(),
                out,
                out.byteSize(),
                tag);
    }
}
