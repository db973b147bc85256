package io.memguard.keys.pkcs11;

import java.io.Serial;

/** A PKCS #11 function said no: its raw CK_RV. Stays inside this package, which makes a MemGuardException of it. */
final class CkException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final long rv;

    CkException(String function, long rv) {
        super(function + ": " + ReturnValues.name(rv));
        this.rv = rv;
    }

    long rv() {
        return rv;
    }
}
