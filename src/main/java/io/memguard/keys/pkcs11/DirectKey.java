package io.memguard.keys.pkcs11;

import static io.memguard.ffi.pkcs11.Pkcs11Library.*;

import io.memguard.ffi.pkcs11._CK_MECHANISM;
import io.memguard.ffi.pkcs11.ck_gcm_params;
import io.memguard.keys.StoreKey;
import io.memguard.memory.Sodium;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A store key that never leaves its token, which encrypts each file itself: AES-GCM (PKCS #11 v3.0, section 2.12.3 of the
 * mechanisms), the IV by us. Plaintext goes straight between the token's library and the caller's protected memory.
 */
final class DirectKey implements StoreKey {
    private static final int IV = 12;
    private static final int TAG = 16;

    private final TokenKey key;

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
            throw Ckr.failure("the token did not encrypt", e);
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
        int seen = key.token().generation();
        try {
            opened = tryOpen(aad, sealed, plaintext)
                    || (seen != key.token().generation() && tryOpen(aad, sealed, plaintext));
            return opened;
        } finally {
            if (!opened) {
                Sodium.wipe(plaintext);
            }
        }
    }

    /** False where the data is not authentic, as far as the device works; it may have been mended to find that out. */
    private boolean tryOpen(MemorySegment aad, MemorySegment sealed, MemorySegment plaintext) {
        try {
            decrypt(aad, sealed, plaintext);
            return true;
        } catch (CkException e) {
            if (Ckr.mayBeTampering(e.rv()) && works()) {
                return false;
            }
            throw Ckr.failure("the token did not decrypt", e);
        }
    }

    /**
     * Tells a tampered file from a broken device, which some tokens report alike (SoftHSM: CKR_GENERAL_ERROR): whether the
     * key opens again what it seals now.
     */
    private boolean works() {
        try (var arena = Arena.ofConfined()) {
            var none = arena.allocate(1).asSlice(0, 0);
            var known = arena.allocateFrom("known answer");
            var sealed = arena.allocate(known.byteSize() + OVERHEAD);
            var opened = arena.allocate(room(sealed.byteSize()));
            sealOnce(none, known, sealed);
            decrypt(none, sealed, opened);
            return known.mismatch(opened.asSlice(0, known.byteSize())) == -1;
        } catch (CkException e) {
            return false;
        }
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

    private void decrypt(MemorySegment aad, MemorySegment sealed, MemorySegment out) {
        key.callWithDoubt((session, handle) -> {
            try (var arena = Arena.ofConfined()) {
                var mechanism = gcm(arena, sealed.asSlice(0, IV), aad);
                var functions = key.token().module().functions();
                functions.decrypt(session, mechanism, handle, sealed.asSlice(IV), out, sealed.byteSize() - OVERHEAD);
                return true;
            }
        });
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
