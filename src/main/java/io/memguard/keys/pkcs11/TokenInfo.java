package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.*;

import io.memguard.ffi.gen.pkcs11._CK_TOKEN_INFO;
import java.lang.foreign.MemorySegment;

/**
 * What a token says about itself (CK_TOKEN_INFO, PKCS #11 v3.0, section 3.2). Its words are not trusted to be clean: they
 * are for messages, and found by {@link Names}.
 */
record TokenInfo(
        String label, String manufacturer, String model, String serial, long flags, long maxSessions, Names names) {
    /** The same words, byte for byte. */
    record Names(Padded label, Padded manufacturer, Padded model, Padded serial) {}

    static TokenInfo of(MemorySegment info) {
        var names = new Names(
                Padded.of(_CK_TOKEN_INFO.label(info)),
                Padded.of(_CK_TOKEN_INFO.manufacturerID(info)),
                Padded.of(_CK_TOKEN_INFO.model(info)),
                Padded.of(_CK_TOKEN_INFO.serialNumber(info)));
        return new TokenInfo(
                names.label().text(),
                names.manufacturer().text(),
                names.model().text(),
                names.serial().text(),
                _CK_TOKEN_INFO.flags(info),
                _CK_TOKEN_INFO.ulMaxSessionCount(info),
                names);
    }

    boolean has(long flag) {
        return (flags & flag) != 0;
    }

    boolean isInitialized() {
        return has(CKF_TOKEN_INITIALIZED());
    }

    /** For lists. */
    String name() {
        return isInitialized() ? label : "(not initialized)";
    }

    /** For messages: which token this is. */
    @Override
    public String toString() {
        return "the token '" + label + "' (serial " + serial + ")";
    }
}
