package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.Provider;
import java.util.Arrays;
import java.util.Optional;
import org.bouncycastle.crypto.util.PBKDF2Config;
import org.bouncycastle.jcajce.BCFKSLoadStoreParameter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * The BCFKS container (Bouncy Castle) with one entry: the store key, wrapped by the KEK. What passes through the heap here
 * is the wrapped key and the container's password; neither gives the store key away.
 */
final class Container {
    private static final String ALIAS = "memguard-store-key";

    /** Loaded only where it is needed, and not registered: the choice of providers is the application's. */
    private static final class Jca {
        static final Provider PROVIDER = new BouncyCastleProvider();
    }

    private Container() {}

    /** The container's bytes with one wrapped key. */
    static byte[] write(byte[] wrapped, char[] password) {
        try {
            var store = KeyStore.getInstance("BCFKS", Jca.PROVIDER);
            store.load(null, null);
            // The password is 256 random bits already: stretching it again would only make opening slow.
            store.setKeyEntry(ALIAS, new LightContainer(password).entry(wrapped), null);
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

    /**
     * Begins to load the classes that {@link #read} needs, while the passphrase is stretched: the JVM verifies the
     * signatures of Bouncy Castle's jar first, which takes about as long.
     */
    static void loadClasses(byte[] container) {
        Thread.ofPlatform().daemon().name("memguard-classes").start(() -> {
            try {
                new LightContainer(new char[0])
                        .read(container, ALIAS)
                        .ifPresent(wrapped -> Arrays.fill(wrapped, (byte) 0));
            } catch (IOException | RuntimeException e) {
                // As expected without the password; what is wrong with the container, read() says.
            }
        });
    }

    /** The wrapped key in a container. */
    static byte[] read(byte[] container, char[] password, Path file) {
        Optional<byte[]> wrapped;
        try {
            wrapped = new LightContainer(password).read(container, ALIAS);
        } catch (LightContainer.UnknownKind e) {
            return readByProvider(container, password, file);
        } catch (IOException | RuntimeException e) {
            throw replaced(file, e);
        }
        return wrapped.orElseThrow(() -> replaced(file, null));
    }

    /** Whatever else is a BCFKS container; slowly. */
    private static byte[] readByProvider(byte[] container, char[] password, Path file) {
        Key key;
        try {
            var store = KeyStore.getInstance("BCFKS", Jca.PROVIDER);
            store.load(new ByteArrayInputStream(container), password);
            key = store.getKey(ALIAS, password);
        } catch (GeneralSecurityException | IOException | RuntimeException e) {
            throw replaced(file, e);
        }
        byte[] wrapped = key == null ? null : key.getEncoded();
        if (wrapped == null) {
            throw replaced(file, null);
        }
        return wrapped;
    }

    static MemGuardException replaced(Path file, @org.jspecify.annotations.Nullable Exception cause) {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "the keystore container " + file
                        + " is damaged or not this store's (the passphrase is right); restore it from a backup",
                cause);
    }
}
