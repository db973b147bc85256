package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.MemGuardException;
import io.memguard.ffi.gen.pkcs11._CK_MECHANISM;
import io.memguard.ffi.gen.pkcs11.ck_gcm_params;
import io.memguard.keys.StoreKey;
import io.memguard.memory.Sodium;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A store key that never leaves its token, which encrypts each file itself: AES-GCM (PKCS #11 v3.0, section 2.12.3 of the
 * mechanisms), the IV by us. Plaintext goes straight between the token's library and the caller's protected memory.
 */
final class DirectKey implements StoreKey {
    private static final int IV = 12;
    private static final int TAG = 16;
    private static final byte[] KNOWN = "known answer".getBytes(StandardCharsets.US_ASCII);

    private final TokenKey key;

    /** The known answer, encrypted when there was first a doubt. */
    private volatile byte @Nullable [] sample;

    /** Takes the token over, and closes it. */
    DirectKey(TokenKey key) {
        this.key = key;
    }

    @Override
    public void seal(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
        requireLength(plaintext.byteSize() + OVERHEAD, sealed);
        try {
            sealOnce(aad, plaintext, sealed);
        } catch (CkException e) {
            throw ReturnValues.failure("the token did not encrypt", e);
        }
    }

    /** SoftHSM, for one, wants as much as the ciphertext and the tag together. */
    @Override
    public long room(long sealedLength) {
        return sealedLength - IV;
    }

    @Override
    public boolean open(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        requireLength(room(sealed.byteSize()), plaintext);
        boolean opened = false;
        try {
            opened = isAuthentic(aad, sealed, plaintext);
            return opened;
        } finally {
            if (!opened) {
                Sodium.wipe(plaintext);
            }
        }
    }

    /** What a device that works refuses twice is not authentic; a fault that has passed is not mistaken for tampering. */
    private boolean isAuthentic(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        int seen = key.token().generation();
        CkException refused = decrypt(aad, sealed, plaintext);
        if (refused == null) {
            return true;
        }
        requireTampering(refused);
        if (ReturnValues.mayBeBroken(refused.rv()) && !works()) {
            throw failure(refused);
        }
        if (!ReturnValues.mayBeBroken(refused.rv()) && seen == key.token().generation()) {
            return false;
        }
        CkException again = decrypt(aad, sealed, plaintext);
        if (again != null) {
            requireTampering(again);
        }
        return again == null;
    }

    private static void requireTampering(CkException refused) {
        if (!ReturnValues.mayBeTampering(refused.rv())) {
            throw failure(refused);
        }
    }

    private static MemGuardException failure(CkException e) {
        return ReturnValues.failure("the token did not decrypt", e);
    }

    /**
     * Tells a tampered file from a broken device, which some tokens report alike (SoftHSM: CKR_GENERAL_ERROR): whether the
     * key still opens what it has sealed before, or seals now.
     */
    private boolean works() {
        try (var arena = Arena.ofConfined()) {
            byte[] before = sample;
            if (before != null && opensSample(arena, before)) {
                return true;
            }
            var sealed = arena.allocate(KNOWN.length + OVERHEAD);
            sealOnce(EMPTY, arena.allocateFrom(ValueLayout.JAVA_BYTE, KNOWN), sealed);
            byte[] fresh = sealed.toArray(ValueLayout.JAVA_BYTE);
            boolean opens = opensSample(arena, fresh);
            sample = opens ? fresh : null;
            return opens;
        } catch (CkException e) {
            return false;
        }
    }

    private boolean opensSample(Arena arena, byte[] sealed) {
        var opened = arena.allocate(room(sealed.length));
        return decrypt(EMPTY, arena.allocateFrom(ValueLayout.JAVA_BYTE, sealed), opened) == null
                && Arrays.equals(KNOWN, opened.asSlice(0, KNOWN.length).toArray(ValueLayout.JAVA_BYTE));
    }

    private void sealOnce(MemorySegment aad, MemorySegment plaintext, MemorySegment sealed) {
        var in = orByte(plaintext);
        key.call((session, handle) -> {
            try (var arena = Arena.ofConfined()) {
                var iv = sealed.asSlice(0, IV);
                Sodium.random(iv); // Anew for each try: never one IV twice.
                key.token().module().functions().encrypt(session, gcm(arena, iv, aad), handle, in, sealed.asSlice(IV));
                return true;
            }
        });
    }

    /** What the token said where it did not; null where it did. */
    private @Nullable CkException decrypt(MemorySegment aad, MemorySegment sealed, MemorySegment out) {
        try {
            key.callWithDoubt((session, handle) -> {
                try (var arena = Arena.ofConfined()) {
                    var mechanism = gcm(arena, sealed.asSlice(0, IV), aad);
                    var functions = key.token().module().functions();
                    functions.decrypt(
                            session, mechanism, handle, sealed.asSlice(IV), out, sealed.byteSize() - OVERHEAD);
                    return true;
                }
            });
            return null;
        } catch (CkException e) {
            return e;
        }
    }

    private static MemorySegment gcm(Arena arena, MemorySegment iv, MemorySegment aad) {
        var parameters = ck_gcm_params.allocate(arena);
        ck_gcm_params.pIv(parameters, iv);
        ck_gcm_params.ulIvLen(parameters, IV);
        ck_gcm_params.ulIvBits(parameters, IV * Byte.SIZE);
        ck_gcm_params.pAAD(parameters, aad);
        ck_gcm_params.ulAADLen(parameters, aad.byteSize());
        ck_gcm_params.ulTagBits(parameters, TAG * Byte.SIZE);
        var mechanism = _CK_MECHANISM.allocate(arena);
        _CK_MECHANISM.mechanism(mechanism, CKM_AES_GCM());
        _CK_MECHANISM.pParameter(mechanism, parameters);
        _CK_MECHANISM.ulParameterLen(mechanism, parameters.byteSize());
        return mechanism;
    }

    /** An empty segment may have no address; tokens want one. */
    private static MemorySegment orByte(MemorySegment segment) {
        return segment.byteSize() > 0 ? segment : EMPTY;
    }

    private static final MemorySegment EMPTY = Arena.global().allocate(1).asSlice(0, 0);

    private static void requireLength(long expected, MemorySegment segment) {
        if (expected < 0 || segment.byteSize() != expected) {
            throw new IllegalArgumentException(
                    "the segment has " + segment.byteSize() + " bytes, " + expected + " expected");
        }
    }

    @Override
    public void close() {
        key.token().close();
    }
}
