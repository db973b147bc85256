package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What return values of tokens mean here (PKCS #11 v3.0, section 5.1): whether the connection can recover, and what to do. */
final class ReturnValues {
    private record Meaning(String name, String advice) {}

    private static final String GONE = "the token is not there; put it in or start its service, and try again";
    private static final String SICK = "the device or its service fails; look at its log, or restart this program";
    private static final String NO_KEY = "the key is not in the token any more; restore it from the token's backup";
    private static final String OTHER = "the token can't do that; choose another mode or token";
    private static final String PIN = "the PIN is wrong and will not be tried again; correct it before the token locks";
    private static final String NO_PIN =
            "the token's user PIN is not set or expired; set it with the token's own tools";
    private static final String FULL = "the token has no sessions or memory left; close other programs that use it";

    private static final String NO_ROOM =
            "the token has no room for more; remove objects that nothing needs, or end programs that use it, and try again";

    private static final Map<Long, Meaning> MEANINGS = Map.ofEntries(
            meaning(CKR_HOST_MEMORY(), "CKR_HOST_MEMORY", FULL),
            meaning(CKR_SLOT_ID_INVALID(), "CKR_SLOT_ID_INVALID", GONE),
            meaning(CKR_GENERAL_ERROR(), "CKR_GENERAL_ERROR", SICK),
            meaning(CKR_FUNCTION_FAILED(), "CKR_FUNCTION_FAILED", SICK),
            meaning(CKR_ARGUMENTS_BAD(), "CKR_ARGUMENTS_BAD", OTHER),
            meaning(CKR_CANT_LOCK(), "CKR_CANT_LOCK", "the module can't be used by threads; use another module"),
            meaning(CKR_ATTRIBUTE_TYPE_INVALID(), "CKR_ATTRIBUTE_TYPE_INVALID", OTHER),
            meaning(CKR_ATTRIBUTE_VALUE_INVALID(), "CKR_ATTRIBUTE_VALUE_INVALID", OTHER),
            meaning(CKR_DATA_INVALID(), "CKR_DATA_INVALID", OTHER),
            meaning(
                    CKR_DATA_LEN_RANGE(),
                    "CKR_DATA_LEN_RANGE",
                    "the value is too long for the token; use x-mode=envelope"),
            meaning(CKR_DEVICE_ERROR(), "CKR_DEVICE_ERROR", SICK),
            meaning(CKR_DEVICE_MEMORY(), "CKR_DEVICE_MEMORY", NO_ROOM),
            meaning(CKR_DEVICE_REMOVED(), "CKR_DEVICE_REMOVED", GONE),
            meaning(CKR_ENCRYPTED_DATA_INVALID(), "CKR_ENCRYPTED_DATA_INVALID", "the data is not what the token wrote"),
            meaning(
                    CKR_ENCRYPTED_DATA_LEN_RANGE(),
                    "CKR_ENCRYPTED_DATA_LEN_RANGE",
                    "the data is not what the token wrote, or too long for it"),
            meaning(CKR_FUNCTION_NOT_SUPPORTED(), "CKR_FUNCTION_NOT_SUPPORTED", OTHER),
            meaning(CKR_KEY_HANDLE_INVALID(), "CKR_KEY_HANDLE_INVALID", NO_KEY),
            meaning(CKR_KEY_SIZE_RANGE(), "CKR_KEY_SIZE_RANGE", OTHER),
            meaning(CKR_KEY_TYPE_INCONSISTENT(), "CKR_KEY_TYPE_INCONSISTENT", OTHER),
            meaning(CKR_KEY_FUNCTION_NOT_PERMITTED(), "CKR_KEY_FUNCTION_NOT_PERMITTED", OTHER),
            meaning(CKR_MECHANISM_INVALID(), "CKR_MECHANISM_INVALID", OTHER),
            meaning(CKR_MECHANISM_PARAM_INVALID(), "CKR_MECHANISM_PARAM_INVALID", OTHER),
            meaning(CKR_OBJECT_HANDLE_INVALID(), "CKR_OBJECT_HANDLE_INVALID", NO_KEY),
            meaning(CKR_OPERATION_ACTIVE(), "CKR_OPERATION_ACTIVE", SICK),
            meaning(CKR_OPERATION_NOT_INITIALIZED(), "CKR_OPERATION_NOT_INITIALIZED", SICK),
            meaning(CKR_PIN_INCORRECT(), "CKR_PIN_INCORRECT", PIN),
            meaning(CKR_PIN_INVALID(), "CKR_PIN_INVALID", PIN),
            meaning(CKR_PIN_LEN_RANGE(), "CKR_PIN_LEN_RANGE", PIN),
            meaning(CKR_PIN_EXPIRED(), "CKR_PIN_EXPIRED", NO_PIN),
            meaning(
                    CKR_PIN_LOCKED(),
                    "CKR_PIN_LOCKED",
                    "the token is locked after wrong PINs; unlock it with its SO PIN (a TPM: tpm2_dictionarylockout -c)"),
            meaning(CKR_SESSION_CLOSED(), "CKR_SESSION_CLOSED", GONE),
            meaning(CKR_SESSION_COUNT(), "CKR_SESSION_COUNT", FULL),
            meaning(CKR_SESSION_HANDLE_INVALID(), "CKR_SESSION_HANDLE_INVALID", GONE),
            meaning(CKR_TEMPLATE_INCOMPLETE(), "CKR_TEMPLATE_INCOMPLETE", OTHER),
            meaning(CKR_TEMPLATE_INCONSISTENT(), "CKR_TEMPLATE_INCONSISTENT", OTHER),
            meaning(CKR_TOKEN_NOT_PRESENT(), "CKR_TOKEN_NOT_PRESENT", GONE),
            meaning(CKR_TOKEN_NOT_RECOGNIZED(), "CKR_TOKEN_NOT_RECOGNIZED", GONE),
            meaning(
                    CKR_TOKEN_WRITE_PROTECTED(),
                    "CKR_TOKEN_WRITE_PROTECTED",
                    "make the token writable, or the key yourself"),
            meaning(CKR_USER_NOT_LOGGED_IN(), "CKR_USER_NOT_LOGGED_IN", "log in: the token wants a PIN"),
            meaning(CKR_USER_PIN_NOT_INITIALIZED(), "CKR_USER_PIN_NOT_INITIALIZED", NO_PIN),
            meaning(
                    CKR_USER_ANOTHER_ALREADY_LOGGED_IN(),
                    "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
                    "this process is logged in as the security officer; log that out first"),
            meaning(CKR_CRYPTOKI_NOT_INITIALIZED(), "CKR_CRYPTOKI_NOT_INITIALIZED", SICK),
            meaning(CKR_BUFFER_TOO_SMALL(), "CKR_BUFFER_TOO_SMALL", SICK));

    /** After which the connection, the login or the key's handle may be stale, and worth renewing: once. */
    private static final Set<Long> STALE = Set.of(
            CKR_SLOT_ID_INVALID(),
            CKR_DEVICE_REMOVED(),
            CKR_KEY_HANDLE_INVALID(),
            CKR_OBJECT_HANDLE_INVALID(),
            CKR_OPERATION_ACTIVE(),
            CKR_OPERATION_NOT_INITIALIZED(),
            CKR_SESSION_CLOSED(),
            CKR_SESSION_HANDLE_INVALID(),
            CKR_TOKEN_NOT_PRESENT(),
            CKR_TOKEN_NOT_RECOGNIZED(),
            CKR_USER_NOT_LOGGED_IN(),
            CKR_CRYPTOKI_NOT_INITIALIZED());

    /** After which a device or its service may have to be restarted; where it is no answer to data that was tampered with. */
    private static final Set<Long> BROKEN = Set.of(CKR_GENERAL_ERROR(), CKR_FUNCTION_FAILED(), CKR_DEVICE_ERROR());

    /** What tokens say of data that does not verify; some of them (SoftHSM) of a broken device, too. */
    private static final long AEAD_DECRYPT_FAILED = 0x42; // PKCS #11 v3.0, younger than the header.

    private static final Set<Long> NOT_AUTHENTIC = Set.of(
            CKR_GENERAL_ERROR(),
            CKR_FUNCTION_FAILED(),
            CKR_DATA_INVALID(),
            CKR_DATA_LEN_RANGE(),
            CKR_DEVICE_ERROR(),
            CKR_ENCRYPTED_DATA_INVALID(),
            CKR_ENCRYPTED_DATA_LEN_RANGE(),
            CKR_SIGNATURE_INVALID(),
            AEAD_DECRYPT_FAILED);

    private static final Set<Long> WRONG_PIN = Set.of(CKR_PIN_INCORRECT(), CKR_PIN_INVALID(), CKR_PIN_LEN_RANGE());

    private ReturnValues() {}

    private static Map.Entry<Long, Meaning> meaning(long rv, String name, String advice) {
        return Map.entry(rv, new Meaning(name, advice));
    }

    static boolean isStale(long rv) {
        return STALE.contains(rv);
    }

    static boolean mayBeBroken(long rv) {
        return BROKEN.contains(rv);
    }

    static boolean mayBeTampering(long rv) {
        return NOT_AUTHENTIC.contains(rv);
    }

    static boolean isWrongPin(long rv) {
        return WRONG_PIN.contains(rv);
    }

    /** Whether a session that saw this can be closed by its handle; else the handle may be another session's by now. */
    static boolean sessionIsKnown(long rv) {
        return rv != CKR_SESSION_HANDLE_INVALID()
                && rv != CKR_SESSION_CLOSED()
                && rv != CKR_CRYPTOKI_NOT_INITIALIZED()
                && rv != CKR_DEVICE_REMOVED()
                && rv != CKR_TOKEN_NOT_PRESENT();
    }

    static String name(long rv) {
        Meaning meaning = MEANINGS.get(rv);
        return (meaning == null ? "CKR_" : meaning.name() + " ") + "0x" + Long.toHexString(rv);
    }

    /** @param what what was tried, for the message */
    static MemGuardException failure(String what, CkException e) {
        Meaning meaning = MEANINGS.get(e.rv());
        String advice = meaning == null ? "see the manual of the token" : meaning.advice();
        return keyInvalid(what + ": " + advice + " (" + e.getMessage() + ")", e);
    }

    /** Something is wrong with the key, without a return value that says it. */
    static MemGuardException keyInvalid(String message, @Nullable Throwable cause) {
        return new MemGuardException(ErrorCode.KEY_INVALID, message, cause);
    }
}
