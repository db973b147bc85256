package io.memguard.jca;

import java.util.List;
import java.util.function.Supplier;

/** Services for {@link ProtectedSecretKey}. */
final class SymmetricServices {
    private SymmetricServices() {}

    static List<ServiceRow> rows() {
        return List.of(
                hmac("HmacSHA1", 1, 20, "1.2.840.113549.2.7"),
                hmac("HmacSHA224", 224, 28, "1.2.840.113549.2.8"),
                hmac("HmacSHA256", 256, 32, "1.2.840.113549.2.9"),
                hmac("HmacSHA384", 384, 48, "1.2.840.113549.2.10"),
                hmac("HmacSHA512", 512, 64, "1.2.840.113549.2.11"),
                cipher("AES/GCM/NoPadding", AesGcmSpi::new));
    }

    private static ServiceRow hmac(String algorithm, int hash, int length, String id) {
        return new ServiceRow(
                "Mac",
                algorithm,
                () -> new HmacSpi(algorithm, hash, length),
                ProtectedSecretKey.class,
                List.of(id, "OID." + id));
    }

    private static ServiceRow cipher(String transformation, Supplier<?> engine, String... aliases) {
        return new ServiceRow("Cipher", transformation, engine, ProtectedSecretKey.class, List.of(aliases));
    }
}
