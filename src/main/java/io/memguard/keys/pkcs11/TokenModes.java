package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.keys.KeyMode;
import java.util.EnumSet;
import java.util.Set;

/** Which modes a token can serve. */
final class TokenModes {
    private TokenModes() {}

    /** With a key that it makes itself. */
    static Set<KeyMode> makeable(Pkcs11Module module, long slot) {
        var modes = usable(module, slot);
        if (!has(module, slot, CKM_AES_KEY_GEN(), CKF_GENERATE())) {
            modes.remove(KeyMode.DIRECT);
        }
        if (!has(module, slot, CKM_GENERIC_SECRET_KEY_GEN(), CKF_GENERATE())) {
            modes.remove(KeyMode.ENVELOPE);
        }
        return modes;
    }

    /** With a key that other tools made. */
    static Set<KeyMode> usable(Pkcs11Module module, long slot) {
        var modes = EnumSet.noneOf(KeyMode.class);
        if (has(module, slot, CKM_AES_GCM(), CKF_ENCRYPT() | CKF_DECRYPT())) {
            modes.add(KeyMode.DIRECT);
        }
        if (has(module, slot, CKM_SHA256_HMAC(), CKF_SIGN())) {
            modes.add(KeyMode.ENVELOPE);
        }
        return modes;
    }

    private static boolean has(Pkcs11Module module, long slot, long mechanism, long flags) {
        return module.use(() -> module.functions().mechanism(slot, mechanism))
                .map(have -> (have & flags) == flags)
                .orElse(false);
    }
}
