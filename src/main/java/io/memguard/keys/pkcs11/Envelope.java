package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Wraps store keys under what a token's HMAC makes of a label, the store and a salt: the KEK goes from the token's library
 * straight into protected memory and is wiped after one use. HMAC, unlike RSA-OAEP, needs the token to wrap as well, so
 * no other user can put their own key in its place (PKCS #11 v3.0, mechanisms, section 2.26).
 */
final class Envelope {
    static final int SALT_SIZE = 32;

    private Envelope() {}

    /** The store key under a fresh salt's KEK; no secret. */
    static byte[] wrap(TokenKey token, StoreContext store, byte[] salt, SecretBuffer key) {
        try (var kek = kek(token, store, salt)) {
            return WrappedKey.wrap(kek, store, key);
        }
    }

    /**
     * The store key, for the caller to close.
     *
     * @throws MemGuardException KEY_INVALID where the wrapping does not verify
     */
    static StoreKey unwrap(TokenKey token, StoreContext store, byte[] salt, byte[] wrapped) {
        try (var kek = kek(token, store, salt)) {
            return WrappedKey.unwrap(kek, store, wrapped).orElseThrow(() -> replaced(token));
        }
    }

    /** The same where the native libraries can't be loaded: KEK and store key pass over the heap. */
    static StoreKey unwrapOnHeap(TokenKey token, StoreContext store, byte[] salt, byte[] wrapped) {
        try (var kek = kek(token, store, salt)) {
            byte[] raw = kek.<byte[], RuntimeException>read(bytes -> bytes.toArray(ValueLayout.JAVA_BYTE));
            return WrappedKey.unwrapOnHeap(raw, store, wrapped).orElseThrow(() -> replaced(token));
        }
    }

    private static MemGuardException replaced(TokenKey key) {
        return ReturnValues.keyInvalid(
                "the key '" + key.label() + "' in " + key.token()
                        + " is not the one that made this store, or store.meta"
                        + " is damaged; restore the key or store.meta from a backup",
                null);
    }

    /** The KEK in protected memory, which the caller closes. */
    static SecretBuffer kek(TokenKey token, StoreContext store, byte[] salt) {
        var kek = SecretBuffer.allocate(WrappedKey.KEY_SIZE);
        try (var arena = Arena.ofConfined()) {
            var data = arena.allocateFrom(ValueLayout.JAVA_BYTE, input(store, salt));
            var functions = token.token().module().functions();
            token.call((session, handle) -> {
                kek.<@Nullable Void, RuntimeException>write(out -> {
                    functions.sign(session, CKM_SHA256_HMAC(), handle, data, out);
                    return null;
                });
                functions.scrub(session);
                return true;
            });
            return kek;
        } catch (Throwable failure) {
            kek.close();
            throw failure;
        }
    }

    /** What is signed: see docs/FORMAT.md. */
    private static byte[] input(StoreContext store, byte[] salt) {
        byte[] label = ("memguard/1 kek " + store.storeId()).getBytes(StandardCharsets.US_ASCII);
        byte[] input = Arrays.copyOf(label, label.length + salt.length);
        System.arraycopy(salt, 0, input, label.length, salt.length);
        return input;
    }
}
