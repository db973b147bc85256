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
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.bc.EncryptedSecretKeyData;
import org.bouncycastle.asn1.bc.SecretKeyData;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.EncryptionScheme;
import org.bouncycastle.asn1.pkcs.KeyDerivationFunc;
import org.bouncycastle.asn1.pkcs.PBES2Parameters;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.crypto.PBEParametersGenerator;
import org.bouncycastle.crypto.digests.SHA512Digest;
import org.bouncycastle.crypto.engines.AESWrapPadEngine;
import org.bouncycastle.crypto.generators.PKCS5S2ParametersGenerator;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.util.PBKDF2Config;
import org.bouncycastle.jcajce.BCFKSLoadStoreParameter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** BCFKS containers by Bouncy Castle: makes them, and reads those that {@link io.memguard.memory.BcfksContainer} does not. */
final class JcaContainer {
    /** Not registered: the choice of providers is the application's. */
    private static final Provider PROVIDER = new BouncyCastleProvider();

    private static final int SALT_SIZE = 16;
    private static final int KEY_SIZE = 32;

    private JcaContainer() {}

    /** The container's bytes with one wrapped key. */
    static byte[] write(String alias, byte[] wrapped, char[] password) {
        try {
            var store = KeyStore.getInstance("BCFKS", PROVIDER);
            store.load(null, null);
            // The password is 256 random bits already: stretching it again would only make opening slow.
            store.setKeyEntry(alias, entry(wrapped, password), null);
            var out = new ByteArrayOutputStream();
            store.store(new BCFKSLoadStoreParameter.Builder(out, password)
                    .withStorePBKDFConfig(new PBKDF2Config.Builder()
                            .withPRF(PBKDF2Config.PRF_SHA512)
                            .withIterationCount(1)
                            .withSaltLength(SALT_SIZE)
                            .build())
                    .withStoreEncryptionAlgorithm(BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_KWP)
                    .withStoreMacAlgorithm(BCFKSLoadStoreParameter.MacAlgorithm.HmacSHA512)
                    .build());
            return out.toByteArray();
        } catch (GeneralSecurityException | IOException e) {
            throw new MemGuardException(ErrorCode.SECURITY_ERROR, "the keystore's container could not be made", e);
        }
    }

    /** What the store makes of a key itself would stretch the password, at each opening. */
    private static byte[] entry(byte[] key, char[] password) throws IOException {
        byte[] salt = new byte[SALT_SIZE];
        new SecureRandom().nextBytes(salt);
        var prf = new AlgorithmIdentifier(PKCSObjectIdentifiers.id_hmacWithSHA512, DERNull.INSTANCE);
        var derivation =
                new KeyDerivationFunc(PKCSObjectIdentifiers.id_PBKDF2, new PBKDF2Params(salt, 1, KEY_SIZE, prf));
        var scheme = new EncryptionScheme(NISTObjectIdentifiers.id_aes256_wrap_pad);
        byte[] plain = new SecretKeyData(NISTObjectIdentifiers.aes, key).getEncoded();
        byte[] text = passwordOf(password, "SECRET_KEY_ENCRYPTION");
        var generator = new PKCS5S2ParametersGenerator(new SHA512Digest());
        generator.init(text, salt, 1);
        var wrapping = (KeyParameter) generator.generateDerivedParameters(KEY_SIZE * Byte.SIZE);
        try {
            var cipher = new AESWrapPadEngine();
            cipher.init(true, wrapping);
            return new EncryptedSecretKeyData(
                            new AlgorithmIdentifier(
                                    PKCSObjectIdentifiers.id_PBES2, new PBES2Parameters(derivation, scheme)),
                            cipher.wrap(plain, 0, plain.length))
                    .getEncoded();
        } finally {
            Arrays.fill(text, (byte) 0);
            Arrays.fill(wrapping.getKey(), (byte) 0);
        }
    }

    /** A password of its own for each purpose, as BCFKS defines it. */
    private static byte[] passwordOf(char[] password, String purpose) {
        byte[] first = PBEParametersGenerator.PKCS12PasswordToBytes(password);
        byte[] second = PBEParametersGenerator.PKCS12PasswordToBytes(purpose.toCharArray());
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        Arrays.fill(first, (byte) 0);
        return both;
    }

    /** The wrapped key in a container of any kind. */
    static Optional<byte[]> read(byte[] container, String alias, char[] password)
            throws GeneralSecurityException, IOException {
        var store = KeyStore.getInstance("BCFKS", PROVIDER);
        store.load(new ByteArrayInputStream(container), password);
        return Optional.ofNullable(store.getKey(alias, password)).map(Key::getEncoded);
    }
}
