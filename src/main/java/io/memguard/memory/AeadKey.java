package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** AES-256-GCM by aws-lc, its expanded key in locked memory. */
public final class AeadKey implements AutoCloseable {
    /** What sealing adds, in bytes. */
    public static final int OVERHEAD = 12 + 16;

    private static final int KEY_SIZE = 32;

    private final long key;

    private AeadKey(long key) {
        this.key = key;
    }

    /** Takes a copy of 32 key bytes in native memory; the original stays the caller's to wipe. */
    public static AeadKey of(MemorySegment key) {
        if (key.byteSize() != KEY_SIZE) {
            throw new IllegalArgumentException("an AES-256 key has 32 bytes, not " + key.byteSize());
        }
        SealedCache.init();
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(ValueLayout.JAVA_LONG);
            long status = mg_aead_new(key, SealedCache.flags(), out);
            if (status < 0) {
                throw NativeStatus.failure(status, 4096);
            }
            return new AeadKey(out.get(ValueLayout.JAVA_LONG, 0));
        }
    }

    /** Encrypts under a random IV into {@code IV || ciphertext || tag}. */
    public void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
        requireLength(plaintext.byteSize() + OVERHEAD, sealed);
        Addresses.requireWritable(sealed);
        check(mg_aead_seal(key, aad, aad.byteSize(), plaintext, plaintext.byteSize(), sealed, sealed.byteSize()));
    }

    /** Decrypts; false, and no plaintext, where it does not verify. */
    public boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        requireLength(sealed.byteSize() - OVERHEAD, plaintext);
        Addresses.requireWritable(plaintext);
        int status = mg_aead_open(key, aad, aad.byteSize(), sealed, sealed.byteSize(), plaintext, plaintext.byteSize());
        if (status == MG_ERR_AUTHENTICATION()) {
            return false;
        }
        check(status);
        return true;
    }

    /** Wipes the key; idempotent. */
    @Override
    public void close() {
        mg_aead_free(key);
    }

    private static void check(int status) {
        if (status == MG_ERR_STALE_HANDLE()) {
            throw new IllegalStateException("this key is closed");
        }
        NativeStatus.check(status);
    }

    private static void requireLength(long expected, MemorySegment segment) {
        if (expected < 0 || segment.byteSize() != expected) {
            throw new IllegalArgumentException(
                    "the segment has " + segment.byteSize() + " bytes, " + expected + " expected");
        }
    }
}
