package io.memguard.keys;

import io.memguard.SecretBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import javax.crypto.spec.SecretKeySpec;

/**
 * A store key encrypted under a key-encryption key (KEK) with AES-256-GCM and bound to its store: what the providers of
 * envelope mode keep. No secret by itself. Thread-safe.
 */
public final class WrappedKey {
    /** Of a KEK and of a store key, in bytes. */
    public static final int KEY_SIZE = 32;

    /** Of a wrapped key, in bytes. */
    public static final int SIZE = KEY_SIZE + StoreKey.OVERHEAD;

    private WrappedKey() {}

    /** Wraps a key; both buffers stay the caller's. */
    public static byte[] wrap(SecretBuffer kek, StoreContext store, SecretBuffer key) {
        try (var wrapping = StoreKey.aes256Gcm(kek);
                var arena = Arena.ofConfined()) {
            var wrapped = arena.allocate(SIZE);
            var aad = arena.allocateFrom(ValueLayout.JAVA_BYTE, label(store));
            key.<Boolean, RuntimeException>read(plain -> {
                wrapping.seal(aad, plain, wrapped);
                return true;
            });
            return wrapped.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** The key, for the caller to close; empty where this is not what was wrapped under this KEK for this store. */
    public static Optional<StoreKey> unwrap(SecretBuffer kek, StoreContext store, byte[] wrapped) {
        if (wrapped.length != SIZE) {
            return Optional.empty();
        }
        try (var wrapping = StoreKey.aes256Gcm(kek);
                var key = SecretBuffer.allocate(KEY_SIZE);
                var arena = Arena.ofConfined()) {
            var sealed = arena.allocateFrom(ValueLayout.JAVA_BYTE, wrapped);
            var aad = arena.allocateFrom(ValueLayout.JAVA_BYTE, label(store));
            boolean authentic = key.<Boolean, RuntimeException>write(plain -> wrapping.open(aad, sealed, plain));
            return authentic ? Optional.of(StoreKey.aes256Gcm(key)) : Optional.empty();
        }
    }

    /** The same for {@link KeyProvider#openOnHeap}: both keys pass over the heap. Wipes {@code kek}. */
    public static Optional<StoreKey> unwrapOnHeap(byte[] kek, StoreContext store, byte[] wrapped) {
        byte[] key = new byte[KEY_SIZE];
        try (var wrapping = StoreKey.jca(new SecretKeySpec(kek, "AES"), null)) {
            boolean authentic = wrapped.length == SIZE
                    && wrapping.open(
                            MemorySegment.ofArray(label(store)),
                            MemorySegment.ofArray(wrapped),
                            MemorySegment.ofArray(key));
            return authentic ? Optional.of(StoreKey.jca(new SecretKeySpec(key, "AES"), null)) : Optional.empty();
        } finally {
            Arrays.fill(kek, (byte) 0);
            Arrays.fill(key, (byte) 0);
        }
    }

    /** What a wrapped key is bound to; see docs/FORMAT.md. */
    private static byte[] label(StoreContext store) {
        return ("memguard/1 store key " + store.storeId()).getBytes(StandardCharsets.US_ASCII);
    }
}
