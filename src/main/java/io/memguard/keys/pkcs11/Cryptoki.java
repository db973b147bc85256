package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.ffi.gen.pkcs11.*;
import io.memguard.memory.ResidueWiper;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The functions of a token's library, by its CK_FUNCTION_LIST (PKCS #11 v3.0, section 5.2): a return value that is not
 * CKR_OK is a {@link CkException}, and what the library answers is not trusted to be well-formed. Thread-safe as far as
 * the library is (CKF_OS_LOCKING_OK); one session is one thread's at a time.
 */
final class Cryptoki {
    private static final int MAX_SLOTS = 4096; // A module that reports more is broken.
    private static final int MAX_ATTRIBUTE = 1024;
    private static final long UNAVAILABLE = -1; // CK_UNAVAILABLE_INFORMATION

    /** CK_SLOT_INFO: two texts, the flags, two versions of two bytes (PKCS #11 v3.0, section 3.2). */
    private static final int SLOT_DESCRIPTION = 64;

    private static final int SLOT_MANUFACTURER = 32;
    private static final int SLOT_INFO = SLOT_DESCRIPTION + SLOT_MANUFACTURER + Long.BYTES + 8;

    private final MemorySegment functions;

    /** @param functions as C_GetFunctionList gave it */
    Cryptoki(MemorySegment functions) {
        this.functions = functions.reinterpret(_CK_FUNCTION_LIST.sizeof());
    }

    /** Of PKCS #11; version 3 keeps the functions of version 2 in this list. */
    int majorVersion() {
        return Byte.toUnsignedInt(_CK_VERSION.major(_CK_FUNCTION_LIST.version(functions)));
    }

    /** What a library says about itself. */
    record Library(Padded manufacturer, Padded description, int major, int minor) {}

    /** Nothing where it does not say. */
    Optional<Library> library() {
        var function = _CK_FUNCTION_LIST.C_GetInfo(functions);
        try (var arena = Arena.ofConfined()) {
            var info = _CK_INFO.allocate(arena);
            if (function.address() == 0 || CK_C_GetInfo.invoke(function, info) != CKR_OK()) {
                return Optional.empty();
            }
            var version = _CK_INFO.libraryVersion(info);
            return Optional.of(new Library(
                    Padded.of(_CK_INFO.manufacturerID(info)),
                    Padded.of(_CK_INFO.libraryDescription(info)),
                    Byte.toUnsignedInt(_CK_VERSION.major(version)),
                    Byte.toUnsignedInt(_CK_VERSION.minor(version))));
        }
    }

    /** What a slot says about itself. */
    record Slot(Padded description, Padded manufacturer) {}

    /** Nothing where it does not say. */
    Optional<Slot> slot(long slot) {
        var function = _CK_FUNCTION_LIST.C_GetSlotInfo(functions);
        try (var arena = Arena.ofConfined()) {
            var info = arena.allocate(SLOT_INFO, Long.BYTES);
            // The binding of another function with the same arguments.
            return function.address() == 0 || CK_C_GetTokenInfo.invoke(function, slot, info) != CKR_OK()
                    ? Optional.empty()
                    : Optional.of(new Slot(
                            Padded.of(info.asSlice(0, SLOT_DESCRIPTION)),
                            Padded.of(info.asSlice(SLOT_DESCRIPTION, SLOT_MANUFACTURER))));
        }
    }

    /** False where other code of the process had done it before. */
    boolean initialize() {
        try (var arena = Arena.ofConfined()) {
            var arguments = _CK_C_INITIALIZE_ARGS.allocate(arena);
            _CK_C_INITIALIZE_ARGS.flags(arguments, CKF_OS_LOCKING_OK());
            var function = function("C_Initialize", _CK_FUNCTION_LIST.C_Initialize(functions));
            long rv = CK_C_Initialize.invoke(function, arguments);
            if (rv != CKR_OK() && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED()) {
                throw new CkException("C_Initialize", rv);
            }
            return rv == CKR_OK();
        }
    }

    /** Ends all sessions of the process, those of other code too. */
    void finish() {
        var function = function("C_Finalize", _CK_FUNCTION_LIST.C_Finalize(functions));
        check("C_Finalize", CK_C_Finalize.invoke(function, MemorySegment.NULL));
    }

    /** @param withToken whether to leave out slots without a token */
    long[] slots(boolean withToken) {
        var function = function("C_GetSlotList", _CK_FUNCTION_LIST.C_GetSlotList(functions));
        try (var arena = Arena.ofConfined()) {
            var count = arena.allocate(ValueLayout.JAVA_LONG);
            byte present = (byte) (withToken ? 1 : 0);
            check("C_GetSlotList", CK_C_GetSlotList.invoke(function, present, MemorySegment.NULL, count));
            // Room for some more: a slot may appear between the two calls.
            long room = requireCount("C_GetSlotList", count) + 16;
            var list = arena.allocate(ValueLayout.JAVA_LONG, room);
            count.set(ValueLayout.JAVA_LONG, 0, room);
            check("C_GetSlotList", CK_C_GetSlotList.invoke(function, present, list, count));
            long found = Math.min(room, requireCount("C_GetSlotList", count));
            return list.asSlice(0, found * Long.BYTES).toArray(ValueLayout.JAVA_LONG);
        }
    }

    private static long requireCount(String function, MemorySegment count) {
        long number = count.get(ValueLayout.JAVA_LONG, 0);
        if (number < 0 || number > MAX_SLOTS) {
            throw new CkException(function, CKR_GENERAL_ERROR());
        }
        return number;
    }

    TokenInfo tokenInfo(long slot) {
        try (var arena = Arena.ofConfined()) {
            var info = _CK_TOKEN_INFO.allocate(arena);
            var function = function("C_GetTokenInfo", _CK_FUNCTION_LIST.C_GetTokenInfo(functions));
            check("C_GetTokenInfo", CK_C_GetTokenInfo.invoke(function, slot, info));
            return TokenInfo.of(info);
        }
    }

    /** The CKF_ flags of a mechanism; empty where the token has none such. */
    Optional<Long> mechanism(long slot, long type) {
        try (var arena = Arena.ofConfined()) {
            var info = _CK_MECHANISM_INFO.allocate(arena);
            var function = function("C_GetMechanismInfo", _CK_FUNCTION_LIST.C_GetMechanismInfo(functions));
            long rv = CK_C_GetMechanismInfo.invoke(function, slot, type, info);
            return rv == CKR_OK() ? Optional.of(_CK_MECHANISM_INFO.flags(info)) : Optional.empty();
        }
    }

    long openSession(long slot, boolean forWriting) {
        try (var arena = Arena.ofConfined()) {
            var session = arena.allocate(ValueLayout.JAVA_LONG);
            long flags = CKF_SERIAL_SESSION() | (forWriting ? CKF_RW_SESSION() : 0);
            var function = function("C_OpenSession", _CK_FUNCTION_LIST.C_OpenSession(functions));
            check(
                    "C_OpenSession",
                    CK_C_OpenSession.invoke(function, slot, flags, MemorySegment.NULL, MemorySegment.NULL, session));
            return session.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    /** Never fails: what can't be closed is gone. */
    void closeSession(long session) {
        var function = _CK_FUNCTION_LIST.C_CloseSession(functions);
        if (function.address() != 0) {
            long ignored = CK_C_CloseSession.invoke(function, session);
        }
    }

    /** The state of a session in its slot (CKS_); empty where the handle is not one of that slot any more. */
    Optional<Long> sessionState(long session, long slot) {
        try (var arena = Arena.ofConfined()) {
            var info = _CK_SESSION_INFO.allocate(arena);
            var function = function("C_GetSessionInfo", _CK_FUNCTION_LIST.C_GetSessionInfo(functions));
            long rv = CK_C_GetSessionInfo.invoke(function, session, info);
            if (ReturnValues.mayBeBroken(rv)) {
                throw new CkException("C_GetSessionInfo", rv);
            }
            boolean known = rv == CKR_OK() && _CK_SESSION_INFO.slotID(info) == slot;
            return known ? Optional.of(_CK_SESSION_INFO.state(info)) : Optional.empty();
        }
    }

    /** @param pin native, protected memory; null where the token has a keypad of its own */
    long login(long session, @Nullable MemorySegment pin) {
        var function = function("C_Login", _CK_FUNCTION_LIST.C_Login(functions));
        return pin == null
                ? CK_C_Login.invoke(function, session, CKU_USER(), MemorySegment.NULL, 0)
                : CK_C_Login.invoke(function, session, CKU_USER(), pin, pin.byteSize());
    }

    /** Handles of up to {@code limit} objects that match. */
    long[] find(long session, Template template, int limit) {
        var init = function("C_FindObjectsInit", _CK_FUNCTION_LIST.C_FindObjectsInit(functions));
        var next = function("C_FindObjects", _CK_FUNCTION_LIST.C_FindObjects(functions));
        var end = function("C_FindObjectsFinal", _CK_FUNCTION_LIST.C_FindObjectsFinal(functions));
        check("C_FindObjectsInit", CK_C_FindObjectsInit.invoke(init, session, template.array(), template.count()));
        try (var arena = Arena.ofConfined()) {
            var handles = arena.allocate(ValueLayout.JAVA_LONG, limit);
            var count = arena.allocate(ValueLayout.JAVA_LONG);
            int found = 0;
            while (found < limit) { // Tokens may hand them out one by one.
                var rest = handles.asSlice((long) found * Long.BYTES);
                check("C_FindObjects", CK_C_FindObjects.invoke(next, session, rest, limit - found, count));
                long more = count.get(ValueLayout.JAVA_LONG, 0);
                if (more <= 0 || more > limit - found) {
                    break;
                }
                found += (int) more;
            }
            return handles.asSlice(0, (long) found * Long.BYTES).toArray(ValueLayout.JAVA_LONG);
        } finally {
            long ignored = CK_C_FindObjectsFinal.invoke(end, session);
        }
    }

    /** One attribute that is no secret; empty where the object has none such. */
    Optional<byte[]> attribute(long session, long object, long type) {
        var function = function("C_GetAttributeValue", _CK_FUNCTION_LIST.C_GetAttributeValue(functions));
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(MAX_ATTRIBUTE);
            var attribute = _CK_ATTRIBUTE.allocate(arena);
            _CK_ATTRIBUTE.type(attribute, type);
            _CK_ATTRIBUTE.pValue(attribute, value);
            _CK_ATTRIBUTE.ulValueLen(attribute, MAX_ATTRIBUTE);
            long rv = CK_C_GetAttributeValue.invoke(function, session, object, attribute, 1);
            if (rv == CKR_ATTRIBUTE_TYPE_INVALID() || rv == CKR_ATTRIBUTE_SENSITIVE()) {
                return Optional.empty();
            }
            check("C_GetAttributeValue", rv);
            long size = _CK_ATTRIBUTE.ulValueLen(attribute);
            return size == UNAVAILABLE || size < 0 || size > MAX_ATTRIBUTE
                    ? Optional.empty()
                    : Optional.of(value.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE));
        }
    }

    long generateKey(long session, long mechanism, Template template) {
        var function = function("C_GenerateKey", _CK_FUNCTION_LIST.C_GenerateKey(functions));
        try (var arena = Arena.ofConfined()) {
            var key = arena.allocate(ValueLayout.JAVA_LONG);
            check(
                    "C_GenerateKey",
                    CK_C_GenerateKey.invoke(
                            function, session, plain(mechanism, arena), template.array(), template.count(), key));
            return key.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    long createObject(long session, Template template) {
        var function = function("C_CreateObject", _CK_FUNCTION_LIST.C_CreateObject(functions));
        try (var arena = Arena.ofConfined()) {
            var object = arena.allocate(ValueLayout.JAVA_LONG);
            check(
                    "C_CreateObject",
                    CK_C_CreateObject.invoke(function, session, template.array(), template.count(), object));
            return object.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    void setAttributes(long session, long object, Template template) {
        var function = function("C_SetAttributeValue", _CK_FUNCTION_LIST.C_SetAttributeValue(functions));
        check(
                "C_SetAttributeValue",
                CK_C_SetAttributeValue.invoke(function, session, object, template.array(), template.count()));
    }

    void destroyObject(long session, long object) {
        var function = function("C_DestroyObject", _CK_FUNCTION_LIST.C_DestroyObject(functions));
        check("C_DestroyObject", CK_C_DestroyObject.invoke(function, session, object));
    }

    /** Fills {@code out} with the whole MAC, or fails. */
    void sign(long session, long mechanism, long key, MemorySegment data, MemorySegment out) {
        var init = function("C_SignInit", _CK_FUNCTION_LIST.C_SignInit(functions));
        var sign = function("C_Sign", _CK_FUNCTION_LIST.C_Sign(functions));
        try (var arena = Arena.ofConfined()) {
            var length = arena.allocateFrom(ValueLayout.JAVA_LONG, out.byteSize());
            check("C_SignInit", CK_C_SignInit.invoke(init, session, plain(mechanism, arena), key));
            check("C_Sign", CK_C_Sign.invoke(sign, session, data, data.byteSize(), out, length));
            requireLength("C_Sign", out.byteSize(), length);
        }
    }

    void encrypt(long session, MemorySegment mechanism, long key, MemorySegment plain, MemorySegment out) {
        var init = function("C_EncryptInit", _CK_FUNCTION_LIST.C_EncryptInit(functions));
        var encrypt = function("C_Encrypt", _CK_FUNCTION_LIST.C_Encrypt(functions));
        try (var arena = Arena.ofConfined()) {
            var length = arena.allocateFrom(ValueLayout.JAVA_LONG, out.byteSize());
            check("C_EncryptInit", CK_C_EncryptInit.invoke(init, session, mechanism, key));
            check("C_Encrypt", CK_C_Encrypt.invoke(encrypt, session, plain, plain.byteSize(), out, length));
            requireLength("C_Encrypt", out.byteSize(), length);
        } finally {
            ResidueWiper.wipe(); // Of the token's library, which may have worked in this process.
        }
    }

    /** @param expected how much of {@code out} is to be filled; some tokens want more room than they fill */
    void decrypt(long session, MemorySegment mechanism, long key, MemorySegment in, MemorySegment out, long expected) {
        var init = function("C_DecryptInit", _CK_FUNCTION_LIST.C_DecryptInit(functions));
        var decrypt = function("C_Decrypt", _CK_FUNCTION_LIST.C_Decrypt(functions));
        try (var arena = Arena.ofConfined()) {
            var length = arena.allocateFrom(ValueLayout.JAVA_LONG, out.byteSize());
            check("C_DecryptInit", CK_C_DecryptInit.invoke(init, session, mechanism, key));
            check("C_Decrypt", CK_C_Decrypt.invoke(decrypt, session, in, in.byteSize(), out, length));
            requireLength("C_Decrypt", expected, length);
        } finally {
            ResidueWiper.wipe(); // Of the token's library, which may have worked in this process.
        }
    }

    /** Overwrites what the library's own buffers kept of the last outputs, as far as it reuses them. */
    void scrub(long session) {
        var function = _CK_FUNCTION_LIST.C_GenerateRandom(functions);
        if (function.address() != 0) {
            try (var arena = Arena.ofConfined()) {
                var out = arena.allocate(512);
                for (int i = 0; i < 4; i++) {
                    long ignored = CK_C_GenerateRandom.invoke(function, session, out, out.byteSize());
                }
            }
        }
    }

    private static MemorySegment plain(long type, Arena arena) {
        var mechanism = _CK_MECHANISM.allocate(arena);
        _CK_MECHANISM.mechanism(mechanism, type);
        return mechanism;
    }

    private static void requireLength(String function, long expected, MemorySegment length) {
        if (length.get(ValueLayout.JAVA_LONG, 0) != expected) {
            throw new CkException(function, CKR_GENERAL_ERROR());
        }
    }

    /** Half-implemented modules have holes in their list. */
    private static MemorySegment function(String name, MemorySegment pointer) {
        if (pointer.address() == 0) {
            throw new CkException(name, CKR_FUNCTION_NOT_SUPPORTED());
        }
        return pointer;
    }

    private static void check(String function, long rv) {
        if (rv != CKR_OK()) {
            throw new CkException(function, rv);
        }
    }
}
