package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.Provider;
import java.util.Optional;
import org.bouncycastle.crypto.util.PBKDF2Config;
import org.bouncycastle.jcajce.BCFKSLoadStoreParameter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * BCFKS containers by Bouncy Castle's JCA provider, which takes longer to load than all the rest of a start: makes them, and
 * reads those that {@link LightContainer} does not know.
 */
final class JcaContainer {
    /** Not registered: the choice of providers is the application's. */
    private static final Provider PROVIDER = new BouncyCastleProvider();

    private JcaContainer() {}

    /** The container's bytes with one wrapped key. */
    static byte[] write(String alias, byte[] wrapped, char[] password) {
        try {
            var store = KeyStore.getInstance("BCFKS", PROVIDER);
            store.load(null, null);
            // The password is 256 random bits already: stretching it again would only make opening slow.
            store.setKeyEntry(alias, new LightContainer(password).entry(wrapped), null);
            var out = new ByteArrayOutputStream();
            store.store(new BCFKSLoadStoreParameter.Builder(out, password)
                    .withStorePBKDFConfig(new PBKDF2Config.Builder()
                            .withPRF(PBKDF2Config.PRF_SHA512)
                            .withIterationCount(1)
                            .withSaltLength(16)
                            .build())
                    .withStoreEncryptionAlgorithm(BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_KWP)
                    .withStoreMacAlgorithm(BCFKSLoadStoreParameter.MacAlgorithm.HmacSHA512)
                    .build());
            return out.toByteArray();
        } catch (GeneralSecurityException | IOException e) {
            throw new MemGuardException(ErrorCode.SECURITY_ERROR, "the keystore's container could not be made", e);
        }
    }

    /** The wrapped key in a container of any kind. */
    static Optional<byte[]> read(byte[] container, String alias, char[] password)
            throws GeneralSecurityException, IOException {
        var store = KeyStore.getInstance("BCFKS", PROVIDER);
        store.load(new ByteArrayInputStream(container), password);
        return Optional.ofNullable(store.getKey(alias, password)).map(Key::getEncoded);
    }
}
