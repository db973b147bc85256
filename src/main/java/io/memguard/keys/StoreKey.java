package io.memguard.keys;

import io.memguard.Borrower;
import io.memguard.SecretBuffer;
import java.lang.foreign.MemorySegment;
import java.security.Provider;
import java.util.Optional;
import javax.crypto.SecretKey;
import org.jspecify.annotations.Nullable;

/**
 * The open key of a store: seals and opens its files with AES-256-GCM (NIST SP 800-38D).
 *
 * <p>Contract for implementors: every method may be called by any number of threads at once; a call after {@link #close}
 * throws {@link IllegalStateException}. Segments belong to the caller and are not kept. Plaintext must not be copied to
 * memory that is not protected. An unusable key is {@link io.memguard.ErrorCode#KEY_INVALID}.
 */
public interface StoreKey extends AutoCloseable {
    /** What sealing adds, in bytes: a 12-byte random IV in front, a 16-byte tag behind. */
    int OVERHEAD = 12 + 16;

    /** The built-in implementation for a provider that holds the 32 raw bytes; copies them, so the caller closes its buffer. */
    static StoreKey aes256Gcm(SecretBuffer key) {
        return key.<StoreKey, RuntimeException>read(AesGcmStoreKey::of);
    }

    /**
     * The implementation of the emergency route, by JCA alone: no native code of this library, and plaintext on the heap.
     *
     * @param provider the one that the key belongs to, for a key in a token; null for the JVM's choice
     */
    static StoreKey jca(SecretKey key, @Nullable Provider provider) {
        return new JcaStoreKey(key, provider);
    }

    /**
     * Encrypts under a fresh random IV.
     *
     * @param aad authenticated, not encrypted; native memory
     * @param plaintext native memory
     * @param sealed receives {@code IV || ciphertext || tag}; native memory of the plaintext's length + {@link #OVERHEAD}
     */
    void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed);

    /**
     * How many bytes {@link #open} wants for its output, in bytes: the value's length, which is the sealed length −
     * {@link #OVERHEAD}, or up to 16 more where a token needs them to work in.
     */
    default long room(long sealedLength) {
        return sealedLength - OVERHEAD;
    }

    /**
     * Decrypts and verifies.
     *
     * @param plaintext receives the value at its start; native, protected memory of {@link #room} bytes
     * @return false where the data is not what was sealed under this key with this {@code aad}; the plaintext segment then
     *     holds nothing of it
     */
    boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext);

    /**
     * Lends the raw 32 bytes, read-only, out of protected memory: when a store switches to this key, it is sealed under
     * the one before, so that running services can follow.
     *
     * @return nothing, without a call, for a key that can't leave its token
     */
    default <R> Optional<R> read(Borrower<R, RuntimeException> use) {
        return Optional.empty();
    }

    /** Wipes what this process holds of the key. Idempotent. */
    @Override
    void close();
}
