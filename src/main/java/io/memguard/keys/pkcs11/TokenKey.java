package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A secret key in a token, by its label and id: its handle is looked up again whenever the connection has recovered. It is
 * used only if it can't leave the token, unless the caller has allowed it by name. Thread-safe.
 */
final class TokenKey {
    /** More keys than any token has. */
    private static final int MOST = 10_000;

    private record Found(int generation, long handle) {}

    private final Token token;
    private final String label;
    private final @Nullable String id;
    private volatile @Nullable Found found;

    /** @param id CKA_ID in hexadecimal; null for whatever it is */
    TokenKey(Token token, String label, @Nullable String id) {
        this.token = token;
        this.label = label;
        this.id = id;
    }

    /** A call of the token with this key. */
    interface Use<R> {
        R with(long session, long key);
    }

    /**
     * Runs a call in a session of its own; recovers and runs it again where the session, the login or the handle was stale.
     *
     * @throws CkException what the token said in the end
     * @throws MemGuardException KEY_INVALID where the key is not in the token
     */
    <R> R call(Use<R> use) {
        return token.call(session -> use.with(session, handle(session)));
    }

    /** The same for data that may have been tampered with, which some tokens answer as if they were broken. */
    <R> R callWithDoubt(Use<R> use) {
        Found known = found;
        if (known == null || known.generation() != token.generation()) {
            token.call(this::handle); // What fails in the search says nothing about the data.
        }
        return token.callWithDoubt(session -> use.with(session, handle(session)));
    }

    Token token() {
        return token;
    }

    String label() {
        return label;
    }

    /** Whether the token has such a key. */
    boolean exists() {
        return token.<Boolean>call(session -> {
            token.requireLogin(session);
            return handles(session).length > 0;
        });
    }

    private long handle(long session) {
        int generation = token.generation();
        Found known = found;
        if (known != null && known.generation() == generation) {
            return known.handle();
        }
        long[] handles = handles(session);
        if (handles.length == 0) {
            token.requireLogin(session); // Who is logged out finds nothing.
            throw ReturnValues.keyInvalid(
                    token + " has no key '" + label + "' that this store can use; it was deleted, or the token was"
                            + " re-initialised: restore it from the token's backup (no new key is made over data)",
                    null);
        }
        if (handles.length > 1) {
            throw ReturnValues.keyInvalid(
                    token + " has two keys '" + label + "'; delete the wrong one, or say its id= in the URI", null);
        }
        found = new Found(generation, handles[0]);
        return handles[0];
    }

    private long[] handles(long session) {
        try (var arena = Arena.ofConfined()) {
            var template = new Template(arena)
                    .number(CKA_CLASS(), CKO_SECRET_KEY())
                    .bytes(CKA_LABEL(), label.getBytes(StandardCharsets.UTF_8));
            if (id != null) {
                template.bytes(CKA_ID(), HexFormat.of().parseHex(id));
            }
            return token.module().functions().find(session, template, 2);
        }
    }

    /** The CKA_ID, in hexadecimal. */
    String id() {
        return attribute(CKA_ID(), HexFormat.of()::formatHex).orElse("");
    }

    /** What the key itself can serve; empty where it is of a kind that serves nothing here. */
    Optional<KeyMode> mode() {
        long type = attribute(CKA_KEY_TYPE(), TokenKey::number).orElse(-1L);
        if (type == CKK_AES() && is(CKA_ENCRYPT(), false) && is(CKA_DECRYPT(), false)) {
            return Optional.of(KeyMode.DIRECT);
        }
        boolean hmac = type == CKK_GENERIC_SECRET() || type == CKK_SHA256_HMAC();
        return hmac && is(CKA_SIGN(), false) ? Optional.of(KeyMode.ENVELOPE) : Optional.empty();
    }

    /** @throws MemGuardException SECURITY_ERROR where the key can be read out of the token */
    void requireConfined(boolean allowed) {
        boolean confined = is(CKA_SENSITIVE(), false) && !is(CKA_EXTRACTABLE(), true);
        if (!confined && !allowed) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the key '" + label + "' can be read out of the token (not sensitive, or extractable); make one"
                            + " that can't, or allow it by name (x-allow-exportable=)");
        }
        long bytes = attribute(CKA_VALUE_LEN(), TokenKey::number).orElse(32L);
        if (bytes < 32) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the key '" + label + "' has " + bytes + " bytes; make one of 32 (AES-256, or HMAC with 32 bytes)");
        }
    }

    private boolean is(long attribute, boolean otherwise) {
        return attribute(attribute, value -> value.length > 0 && value[0] != 0).orElse(otherwise);
    }

    private <R> Optional<R> attribute(long type, Function<byte[], R> as) {
        return call((session, key) -> token.module().functions().attribute(session, key, type))
                .map(as);
    }

    private static Long number(byte[] value) {
        return value.length == Long.BYTES
                ? MemorySegment.ofArray(value).get(ValueLayout.JAVA_LONG_UNALIGNED, 0)
                : Long.valueOf(-1);
    }

    /** Makes the key in the token; it never leaves it. The token must have none of that label. */
    static void generate(Token token, KeyMode mode, String label, String id) {
        try (var arena = Arena.ofConfined()) {
            boolean direct = mode == KeyMode.DIRECT;
            var template = new Template(arena)
                    .number(CKA_CLASS(), CKO_SECRET_KEY())
                    .number(CKA_KEY_TYPE(), direct ? CKK_AES() : CKK_GENERIC_SECRET())
                    .number(CKA_VALUE_LEN(), 32)
                    .bool(CKA_TOKEN(), true)
                    .bool(CKA_PRIVATE(), true)
                    .bool(CKA_SENSITIVE(), true)
                    .bool(CKA_EXTRACTABLE(), false)
                    .bool(CKA_ENCRYPT(), direct)
                    .bool(CKA_DECRYPT(), direct)
                    .bool(CKA_SIGN(), !direct)
                    .bool(CKA_VERIFY(), false)
                    .bool(CKA_WRAP(), false)
                    .bool(CKA_UNWRAP(), false)
                    .bool(CKA_DERIVE(), false)
                    .bytes(CKA_LABEL(), label.getBytes(StandardCharsets.UTF_8))
                    .bytes(CKA_ID(), HexFormat.of().parseHex(id));
            long mechanism = direct ? CKM_AES_KEY_GEN() : CKM_GENERIC_SECRET_KEY_GEN();
            token.write(session -> token.module().functions().generateKey(session, mechanism, template));
        }
    }

    /** Deletes all secret keys whose id, in hexadecimal, is one of these. */
    static void destroyAll(Token token, Predicate<String> ids) {
        token.write(session -> {
            token.requireLogin(session);
            var functions = token.module().functions();
            try (var arena = Arena.ofConfined()) {
                var template = new Template(arena)
                        .number(CKA_CLASS(), CKO_SECRET_KEY())
                        .bool(CKA_TOKEN(), true);
                for (long handle : functions.find(session, template, MOST)) {
                    var found = functions.attribute(session, handle, CKA_ID()).map(HexFormat.of()::formatHex);
                    if (found.filter(ids).isPresent()) {
                        functions.destroyObject(session, handle);
                    }
                }
            }
            return true;
        });
    }

    /** Deletes the key from the token; nothing where it is not there. */
    void destroy() {
        token.write(session -> {
            for (long handle : handles(session)) {
                token.module().functions().destroyObject(session, handle);
            }
            return true;
        });
    }
}
