package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.SecretSource;
import io.memguard.memory.SealedBytes;
import org.jspecify.annotations.Nullable;

/**
 * Logs a connection in (PKCS #11 v3.0, section 5.6). The PIN is read once and kept in protected memory as long as the
 * token may want it again: after it came back, or after other code of the process logged out. A PIN that the token refused
 * is not tried again, and the last try before it locks is left to a human. Calls do not overlap.
 */
final class TokenLogin implements AutoCloseable {
    private final Pkcs11Module module;
    private final SecretSource source;
    private @Nullable SealedBytes pin;
    private boolean refused;

    TokenLogin(Pkcs11Module module, SecretSource source) {
        this.module = module;
        this.source = source;
    }

    /** Logs in, unless the process is already. */
    void ensure(long session, long slot) {
        module.loginLock().lock(); // One thread at a time finds out that a PIN is wrong.
        try {
            if (!isDone(session, slot)) {
                login(session, slot);
            }
        } finally {
            module.loginLock().unlock();
        }
    }

    /** Whether the process is logged in: all its sessions with a token are, or none. */
    boolean isDone(long session, long slot) {
        long state = module.functions()
                .sessionState(session, slot)
                .orElseThrow(() -> new CkException("C_GetSessionInfo", CKR_SESSION_HANDLE_INVALID()));
        return state == CKS_RO_USER_FUNCTIONS() || state == CKS_RW_USER_FUNCTIONS();
    }

    private void login(long session, long slot) {
        TokenInfo token = module.functions().tokenInfo(slot);
        if (token.has(CKF_USER_PIN_LOCKED())) {
            throw new CkException("C_GetTokenInfo", CKR_PIN_LOCKED());
        }
        if (token.has(CKF_PROTECTED_AUTHENTICATION_PATH())) {
            check(module.functions().login(session, null));
            return;
        }
        var refusals = new RefusedPins(module.file(), token);
        if (refused || refusals.contains(pin())) {
            throw ReturnValues.keyInvalid(
                    token
                            + " has refused this PIN before, and it is not tried again, since tokens lock: correct the PIN;"
                            + " if it was the token that was corrected, delete " + refusals.file(),
                    null);
        }
        if (token.has(CKF_USER_PIN_FINAL_TRY())) {
            throw ReturnValues.keyInvalid(
                    token + " has one try left before it locks, which is not spent here; log in once by hand"
                            + " (pkcs11-tool --login --list-objects) to reset its counter",
                    null);
        }
        long rv = pin().<Long, RuntimeException>read(text -> module.functions().login(session, text));
        refused = ReturnValues.isWrongPin(rv);
        if (refused) {
            refusals.add(pin(), module.functions().tokenInfo(slot));
        }
        check(rv);
        refusals.clear();
    }

    private static void check(long rv) {
        if (rv != CKR_OK() && rv != CKR_USER_ALREADY_LOGGED_IN()) {
            throw new CkException("C_Login", rv);
        }
    }

    private SealedBytes pin() {
        SealedBytes known = pin;
        if (known == null) {
            try (var given = source.read()) {
                if (given.size() == 0) {
                    throw new MemGuardException(
                            ErrorCode.INVALID_ARGUMENTS, "the PIN is empty; give the token's user PIN");
                }
                known = given.<SealedBytes, RuntimeException>read(SealedBytes::copyOf);
            }
            pin = known;
        }
        return known;
    }

    /** Wipes the PIN. */
    @Override
    public void close() {
        SealedBytes known = pin;
        if (known != null) {
            known.close();
        }
    }
}
