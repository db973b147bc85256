package io.memguard.jca;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import io.memguard.memory.PrivateKeyCalls;
import io.memguard.memory.PrivateKeyCalls.Imported;
import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.List;

/** A private key with its public half and its chain, as one secret had them. */
record KeyMaterial(ProtectedPrivateKey privateKey, PublicKey publicKey, List<X509Certificate> chain) {
    static KeyMaterial of(Imported imported, Secret secret) {
        String algorithm = switch (imported.kind()) {
            case PrivateKeyCalls.RSA -> "RSA";
            case PrivateKeyCalls.ED25519 -> "Ed25519";
            case PrivateKeyCalls.P256, PrivateKeyCalls.P384, PrivateKeyCalls.P521 -> "EC";
            default ->
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "a key of X25519 can't sign; store a key of another kind");
        };
        try {
            PublicKey open = KeyFactory.getInstance(algorithm)
                    .generatePublic(new X509EncodedKeySpec(imported.publicKey().getFirst()));
            var factory = CertificateFactory.getInstance("X.509");
            var chain = new ArrayList<X509Certificate>();
            for (byte[] certificate : imported.certificates()) {
                chain.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(certificate)));
            }
            return new KeyMaterial(handle(new SealedKey(imported.key(), secret), open), open, List.copyOf(chain));
        } catch (GeneralSecurityException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "Java can't read the public key or a certificate of this secret: " + e.getMessage(),
                    e);
        }
    }

    private static ProtectedPrivateKey handle(SealedKey key, PublicKey open) {
        if (open instanceof RSAPublicKey rsa) {
            return new ProtectedRsaKey(key, rsa.getModulus());
        }
        if (open instanceof ECPublicKey ec) {
            return new ProtectedEcKey(key, ec.getParams());
        }
        return new ProtectedEdKey(key, ((EdECPublicKey) open).getParams());
    }
}
