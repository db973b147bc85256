package io.memguard.memory;

import static io.memguard.ffi.gen.sodium.SodiumLibrary.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * The libsodium functions that are used as they are. Thread-safe; all segments are native and stay the caller's. Each asks
 * for the libraries first: a binding that is touched before they are loaded would stay broken for good.
 */
public final class Sodium {
    private Sodium() {}

    /** The version of the libsodium that is loaded. */
    public static String version() {
        NativeLibraries.require();
        return sodium_version_string().getString(0, StandardCharsets.US_ASCII);
    }

    /** Fills with random bytes of the operating system. */
    public static void random(MemorySegment out) {
        NativeLibraries.require();
        Addresses.requireWritable(out);
        randombytes_buf(out, out.byteSize());
    }

    /** Random bytes on the heap: salts and identifiers, never keys. */
    public static byte[] random(int count) {
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(count);
            random(out);
            return out.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /**
     * Argon2id 1.3 with one lane (RFC 9106).
     *
     * @param salt 16 bytes
     * @param operations passes over the memory, at least 1
     * @param memoryBytes memory to use, at least 8,192 bytes; it is not locked and holds no plaintext
     */
    public static void argon2id(
            MemorySegment out, MemorySegment passphrase, MemorySegment salt, long operations, long memoryBytes) {
        NativeLibraries.require();
        if (salt.byteSize() != 16) {
            throw new IllegalArgumentException("Argon2id takes a salt of 16 bytes, not " + salt.byteSize());
        }
        int status = crypto_pwhash_argon2id(
                out,
                out.byteSize(),
                passphrase,
                passphrase.byteSize(),
                salt,
                operations,
                memoryBytes,
                crypto_pwhash_argon2id_alg_argon2id13());
        ResidueWiper.wipe(); // It leaves its output on the stack.
        if (status != 0) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "Argon2id needs " + memoryBytes + " bytes of memory and did not get them; free some, or make the"
                            + " store with a smaller cost");
        }
    }

    /**
     * HKDF-SHA256 with an empty salt (RFC 5869).
     *
     * @param out up to 8,160 bytes
     * @param info what the output is for; different purposes give independent keys
     */
    public static void hkdfSha256(MemorySegment out, MemorySegment inputKey, String info) {
        NativeLibraries.require();
        try (var pseudorandomKey = GuardedMemory.allocate(32);
                var arena = Arena.ofConfined()) {
            var context = arena.allocateFrom(info, StandardCharsets.UTF_8);
            int status = pseudorandomKey.write(key -> {
                int extracted =
                        crypto_kdf_hkdf_sha256_extract(key, MemorySegment.NULL, 0, inputKey, inputKey.byteSize());
                return extracted != 0
                        ? extracted
                        : crypto_kdf_hkdf_sha256_expand(out, out.byteSize(), context, context.byteSize() - 1, key);
            });
            ResidueWiper.wipe();
            if (status != 0) {
                throw new IllegalArgumentException("HKDF gives at most 8160 bytes, not " + out.byteSize());
            }
        }
    }

    /** Compares in time that depends only on the two lengths. */
    public static boolean equal(MemorySegment a, MemorySegment b) {
        NativeLibraries.require();
        return a.byteSize() == b.byteSize() && sodium_memcmp(a, b, a.byteSize()) == 0;
    }

    /** Overwrites with zeros in a way that no compiler removes. */
    public static void wipe(MemorySegment segment) {
        NativeLibraries.require();
        Addresses.requireWritable(segment);
        sodium_memzero(segment, segment.byteSize());
    }
}
