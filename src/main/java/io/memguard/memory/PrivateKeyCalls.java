package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Private keys in native code: imported, generated, and used where they lie. */
public final class PrivateKeyCalls {
    /** Kinds of keys. */
    public static final int P256 = 1;

    /** secp384r1 */
    public static final int P384 = 2;

    /** secp521r1 */
    public static final int P521 = 3;

    /** RFC 8032 */
    public static final int ED25519 = 4;

    /** RFC 8017 */
    public static final int RSA = 6;

    /** Ways to sign; for RSA plus a digest, see {@link #digest}. */
    public static final int ECDSA_DER = 1;

    /** Both numbers side by side. */
    public static final int ECDSA_P1363 = 2;

    /** The message itself is signed. */
    public static final int EDDSA = 3;

    /** PKCS#1, version 1.5. */
    public static final int RSA_PKCS1 = 4;

    /** PSS; plus the digest of MGF1, shifted by eight bits more. */
    public static final int RSA_PSS = 5;

    /** So much room a generated key needs. */
    public static final int PEM_SIZE = 8192;

    private static final int LONGEST_SIGNATURE = 1024;
    private static final int LONGEST_ENCODING = 1 << 20;
    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PrivateKeyCalls() {}

    /**
     * A key that was imported.
     *
     * @param key sealed
     * @param kind such as {@link #P256}
     * @param publicKey its X.509 encoding, alone
     * @param certificates DER, the key's own first
     */
    public record Imported(SealedValue key, int kind, List<byte[]> publicKey, List<byte[]> certificates) {}

    /** Imports a key from PEM or DER in native memory. */
    public static Imported read(SealedCache cache, MemorySegment encoded, @Nullable MemorySegment passphrase) {
        if (encoded.byteSize() > LONGEST_ENCODING) {
            throw refused("a private key with its certificates has at most 1 MiB");
        }
        var secret = passphrase == null ? MemorySegment.NULL : passphrase;
        try (var arena = Arena.ofConfined()) {
            var out = arena.allocate(encoded.byteSize() + 4096);
            var handle = arena.allocate(ValueLayout.JAVA_LONG);
            long length = mg_key_import(
                    cache.number(),
                    encoded,
                    encoded.byteSize(),
                    secret,
                    secret.byteSize(),
                    out,
                    out.byteSize(),
                    handle);
            check(length);
            var key = SealedValue.adopt(cache, handle.get(ValueLayout.JAVA_LONG, 0));
            var parts = new ArrayList<byte[]>();
            for (long at = 1; at < length; ) {
                int size = out.get(LENGTH, at);
                parts.add(out.asSlice(at + 4, size).toArray(ValueLayout.JAVA_BYTE));
                at += 4 + size;
            }
            return new Imported(
                    key,
                    out.get(ValueLayout.JAVA_BYTE, 0),
                    parts.subList(0, 1),
                    List.copyOf(parts.subList(1, parts.size())));
        }
    }

    /** Makes a key as PKCS#8 in PEM in {@link #PEM_SIZE} bytes of protected memory; returns how many bytes it has. */
    public static long generate(int kind, int bits, MemorySegment target) {
        SealedCache.init();
        return check(mg_key_generate(kind, bits, target, target.byteSize(), SealedCache.flags()));
    }

    /** The number of a digest such as SHA-256 in a way to sign. */
    public static int digest(String name) {
        return switch (name) {
            case "SHA-1" -> 1;
            case "SHA-224" -> 2;
            case "SHA-256" -> 3;
            case "SHA-384" -> 4;
            case "SHA-512" -> 5;
            default -> throw refused("there are SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512 for signatures");
        };
    }

    /**
     * Signs what is no secret.
     *
     * @param salt the length of PSS's, in bytes
     */
    public static byte[] sign(SealedValue key, int way, int salt, byte[] data) {
        try (var arena = Arena.ofConfined()) {
            var input = arena.allocate(Math.max(1, data.length));
            MemorySegment.copy(data, 0, input, ValueLayout.JAVA_BYTE, 0, data.length);
            var out = arena.allocate(LONGEST_SIGNATURE);
            LongSupplier call = () -> mg_key_sign(key.cache(), key.handle(), way, salt, input, data.length, out);
            long length = call.getAsLong();
            if (SymmetricCalls.isShort(length)) {
                length = WindowBackoff.retry(call, 4096);
            }
            if (length == SealedCache.STALE) {
                throw new IllegalStateException("the store of this key is closed");
            }
            return out.asSlice(0, check(length)).toArray(ValueLayout.JAVA_BYTE);
        } finally {
            Reference.reachabilityFence(key);
        }
    }

    private static long check(long status) {
        if (status == MG_ERR_MALFORMED()) {
            throw refused(
                    "this is no private key: it is damaged, or another format; store PEM or DER of PKCS#8, PKCS#1 or"
                            + " SEC1, one key, its certificates behind it");
        }
        if (status == MG_ERR_MISMATCH()) {
            throw refused("the first certificate is another key's; store the key with its own chain behind it");
        }
        if (status == MG_ERR_PASSPHRASE()) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the private key is encrypted, and there is no passphrase, or a wrong one; import it with its passphrase");
        }
        if (status == MG_ERR_UNSUPPORTED()) {
            throw refused(
                    "this kind of private key is not supported; take RSA of 2048 to 8192 bits, P-256, P-384, P-521 or"
                            + " Ed25519, encrypted by PBES2 with AES-CBC if at all");
        }
        if (status == MG_ERR_INVALID_ARGUMENT()) {
            throw refused("the key can't do that: what is signed is too long for it, or it is of another kind");
        }
        return NativeStatus.check(status);
    }

    private static MemGuardException refused(String why) {
        return new MemGuardException(ErrorCode.INVALID_ARGUMENTS, why);
    }
}
