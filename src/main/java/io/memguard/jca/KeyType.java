package io.memguard.jca;

import io.memguard.memory.PrivateKeyCalls;

/** What kind of key pair to make. */
public enum KeyType {
    /** ECDSA on secp256r1. */
    EC_P256(PrivateKeyCalls.P256, 0),
    /** ECDSA on secp384r1. */
    EC_P384(PrivateKeyCalls.P384, 0),
    /** ECDSA on secp521r1. */
    EC_P521(PrivateKeyCalls.P521, 0),
    /** EdDSA. */
    ED25519(PrivateKeyCalls.ED25519, 0),
    /** RSA of 2048 bits. */
    RSA_2048(PrivateKeyCalls.RSA, 2048),
    /** RSA of 3072 bits. */
    RSA_3072(PrivateKeyCalls.RSA, 3072),
    /** RSA of 4096 bits. */
    RSA_4096(PrivateKeyCalls.RSA, 4096);

    private final int kind;
    private final int bits;

    KeyType(int kind, int bits) {
        this.kind = kind;
        this.bits = bits;
    }

    int kind() {
        return kind;
    }

    int bits() {
        return bits;
    }
}
