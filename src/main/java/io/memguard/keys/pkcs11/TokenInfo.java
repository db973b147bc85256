package io.memguard.keys.pkcs11;

import static io.memguard.ffi.pkcs11.Pkcs11Library.*;

import io.memguard.ffi.pkcs11._CK_TOKEN_INFO;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** What a token says about itself (CK_TOKEN_INFO, PKCS #11 v3.0, section 3.2); its words are not trusted to be clean. */
record TokenInfo(String label, String manufacturer, String model, String serial, long flags, long maxSessions) {
    static TokenInfo of(MemorySegment info) {
        return new TokenInfo(
                text(_CK_TOKEN_INFO.label(info)),
                text(_CK_TOKEN_INFO.manufacturerID(info)),
                text(_CK_TOKEN_INFO.model(info)),
                text(_CK_TOKEN_INFO.serialNumber(info)),
                _CK_TOKEN_INFO.flags(info),
                _CK_TOKEN_INFO.ulMaxSessionCount(info));
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

    /** Padded with blanks, by the standard; what is no text, or would garble a terminal, becomes a question mark. */
    static String text(MemorySegment padded) {
        String text = new String(padded.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        var clean = new StringBuilder();
        text.codePoints()
                .map(c ->
                        Character.isISOControl(c) || c == 0xfffd || Character.getType(c) == Character.FORMAT ? '?' : c)
                .forEach(clean::appendCodePoint);
        return clean.toString().stripTrailing();
    }
}
