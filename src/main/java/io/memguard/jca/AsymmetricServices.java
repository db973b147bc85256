package io.memguard.jca;

import io.memguard.memory.PrivateKeyCalls;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Services for private keys. */
final class AsymmetricServices {
    private static final String[] DIGESTS = {"SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"};

    private AsymmetricServices() {}

    static List<ServiceRow> rows() {
        var rows = new ArrayList<ServiceRow>();
        for (String digest : DIGESTS) {
            String prefix = digest.replace("-", "") + "with";
            addDigest(rows, prefix + "ECDSA", ProtectedEcKey.class, digest, PrivateKeyCalls.ECDSA_DER);
            addDigest(rows, prefix + "ECDSAinP1363Format", ProtectedEcKey.class, digest, PrivateKeyCalls.ECDSA_P1363);
            int rsa = PrivateKeyCalls.RSA_PKCS1 | PrivateKeyCalls.digest(digest) << 8;
            addDigest(rows, prefix + "RSA", ProtectedRsaKey.class, digest, rsa);
            if (digest.compareTo("SHA-2") > 0) {
                var parameters = pss(digest);
                String name = prefix + "RSASSA-PSS";
                addRow(
                        rows,
                        name,
                        () -> new PssSigningSpi(name, parameters),
                        ProtectedRsaKey.class,
                        prefix + "RSAandMGF1",
                        prefix + "RSA/PSS");
            }
        }
        addRow(rows, "RSASSA-PSS", () -> new PssSigningSpi("RSASSA-PSS", null), ProtectedRsaKey.class);
        addWhole(rows, "NONEwithECDSA", ProtectedEcKey.class, PrivateKeyCalls.ECDSA_DER, 64);
        addWhole(rows, "NONEwithECDSAinP1363Format", ProtectedEcKey.class, PrivateKeyCalls.ECDSA_P1363, 64);
        addWhole(rows, "NONEwithRSA", ProtectedRsaKey.class, PrivateKeyCalls.RSA_PKCS1, 1013);
        addWhole(rows, "EdDSA", ProtectedEdKey.class, PrivateKeyCalls.EDDSA, Integer.MAX_VALUE);
        addWhole(rows, "Ed25519", ProtectedEdKey.class, PrivateKeyCalls.EDDSA, Integer.MAX_VALUE);
        return rows;
    }

    private static PSSParameterSpec pss(String digest) {
        int length = Integer.parseInt(digest.substring(4)) / 8;
        return new PSSParameterSpec(digest, "MGF1", new MGF1ParameterSpec(digest), length, 1);
    }

    private static void addDigest(
            List<ServiceRow> rows, String name, Class<? extends ProtectedPrivateKey> keys, String digest, int way) {
        addRow(rows, name, () -> new DigestSigningSpi(name, keys, digest, way), keys);
    }

    private static void addWhole(
            List<ServiceRow> rows, String name, Class<? extends ProtectedPrivateKey> keys, int way, int most) {
        addRow(rows, name, () -> new WholeSigningSpi(name, keys, way, most), keys);
    }

    private static void addRow(
            List<ServiceRow> rows, String name, Supplier<?> engine, Class<?> keys, String... aliases) {
        rows.add(new ServiceRow("Signature", name, engine, keys, List.of(aliases)));
    }
}
