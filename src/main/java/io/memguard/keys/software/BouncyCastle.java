package io.memguard.keys.software;

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
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SHA512Digest;
import org.bouncycastle.crypto.engines.AESWrapPadEngine;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.generators.PKCS5S2ParametersGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.bouncycastle.crypto.params.HKDFParameters;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.util.PBKDF2Config;
import org.bouncycastle.jcajce.BCFKSLoadStoreParameter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * All that Bouncy Castle does here: BCFKS containers, which it makes, and reads where
 * {@link io.memguard.memory.BcfksContainer} does not; Argon2id and HKDF where there is no native library. Called by
 * {@link BouncyCastleEdition#call} only, since any edition of it may be the one that is found.
 */
final class BouncyCastle {
    /** Not registered: the choice of providers is the application's. */
    private static final Provider PROVIDER = new BouncyCastleProvider();

    private static final int SALT_SIZE = 16;
    private static final int KEY_SIZE = 32;

    private BouncyCastle() {}

    /** The container's bytes with one wrapped key. */
    static byte[] write(String alias, byte[] wrapped, char[] password) throws GeneralSecurityException, IOException {
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

    /** RFC 9106, one lane. */
    static void argon2id(byte[] passphrase, byte[] salt, Argon2Cost cost, byte[] out) {
        var generator = new Argon2BytesGenerator();
        generator.init(new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
                .withVersion(Argon2Parameters.ARGON2_VERSION_13)
                .withSalt(salt)
                .withIterations((int) cost.operations())
                .withMemoryAsKB((int) (cost.memoryBytes() / 1024))
                .withParallelism(1)
                .build());
        generator.generateBytes(passphrase, out);
    }

    /** RFC 5869 with SHA-256 and no salt. */
    static void hkdf(byte[] input, byte[] info, byte[] out) {
        var generator = new HKDFBytesGenerator(new SHA256Digest());
        generator.init(new HKDFParameters(input, null, info));
        generator.generateBytes(out, 0, out.length);
    }
}
