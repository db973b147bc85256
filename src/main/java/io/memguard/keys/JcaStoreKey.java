package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.security.Provider;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import org.jspecify.annotations.Nullable;

/** The emergency route: AES-GCM by the Java Cryptography Architecture. Plaintext passes over the heap. */
final class JcaStoreKey implements StoreKey {
    private static final int IV = 12;
    private static final int TAG = 16;

    private final SecretKey key;
    private final @Nullable Provider provider;
    private final SecureRandom random = new SecureRandom();
    private volatile boolean closed;

    JcaStoreKey(SecretKey key, @Nullable Provider provider) {
        this.key = key;
        this.provider = provider;
    }

    @Override
    public void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
        byte[] iv = new byte[IV];
        random.nextBytes(iv);
        byte[] plain = plaintext.toArray(ValueLayout.JAVA_BYTE);
        try {
            byte[] ciphertext = cipher(Cipher.ENCRYPT_MODE, iv, aad).doFinal(plain);
            MemorySegment.copy(iv, 0, sealed, ValueLayout.JAVA_BYTE, 0, IV);
            MemorySegment.copy(ciphertext, 0, sealed, ValueLayout.JAVA_BYTE, IV, ciphertext.length);
        } catch (GeneralSecurityException e) {
            throw unusable(e);
        } finally {
            Arrays.fill(plain, (byte) 0);
        }
    }

    @Override
    public boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        byte[] input = sealed.toArray(ValueLayout.JAVA_BYTE);
        byte[] plain = {};
        try {
            Cipher cipher = cipher(Cipher.DECRYPT_MODE, Arrays.copyOf(input, IV), aad);
            plain = cipher.doFinal(input, IV, input.length - IV);
            MemorySegment.copy(plain, 0, plaintext, ValueLayout.JAVA_BYTE, 0, plain.length);
            return true;
        } catch (AEADBadTagException e) {
            return false;
        } catch (GeneralSecurityException e) {
            throw unusable(e);
        } finally {
            Arrays.fill(plain, (byte) 0);
        }
    }

    private Cipher cipher(int mode, byte[] iv, MemorySegment aad) throws GeneralSecurityException {
        if (closed) {
            throw new IllegalStateException("this key is closed");
        }
        Cipher cipher = provider == null
                ? Cipher.getInstance("AES/GCM/NoPadding")
                : Cipher.getInstance("AES/GCM/NoPadding", provider);
        cipher.init(mode, key, new GCMParameterSpec(TAG * Byte.SIZE, iv));
        cipher.updateAAD(aad.toArray(ValueLayout.JAVA_BYTE));
        return cipher;
    }

    private static MemGuardException unusable(GeneralSecurityException e) {
        return new MemGuardException(ErrorCode.KEY_INVALID, "the store key can't be used: " + e.getMessage(), e);
    }

    /** The key's bytes, where it has any here, stay until the collector reuses their memory. */
    @Override
    public void close() {
        closed = true;
    }
}
