package io.memguard.keys.software;

import java.io.IOException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.bc.EncryptedObjectStoreData;
import org.bouncycastle.asn1.bc.EncryptedSecretKeyData;
import org.bouncycastle.asn1.bc.ObjectData;
import org.bouncycastle.asn1.bc.ObjectStore;
import org.bouncycastle.asn1.bc.ObjectStoreData;
import org.bouncycastle.asn1.bc.ObjectStoreIntegrityCheck;
import org.bouncycastle.asn1.bc.PbkdMacIntegrityCheck;
import org.bouncycastle.asn1.bc.SecretKeyData;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.EncryptionScheme;
import org.bouncycastle.asn1.pkcs.KeyDerivationFunc;
import org.bouncycastle.asn1.pkcs.PBES2Parameters;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.crypto.InvalidCipherTextException;
import org.bouncycastle.crypto.PBEParametersGenerator;
import org.bouncycastle.crypto.digests.SHA512Digest;
import org.bouncycastle.crypto.engines.AESWrapPadEngine;
import org.bouncycastle.crypto.generators.PKCS5S2ParametersGenerator;
import org.bouncycastle.crypto.macs.HMac;
import org.bouncycastle.crypto.params.KeyParameter;

/**
 * BCFKS containers by Bouncy Castle's lightweight API: its JCA provider takes longer to load than all the rest of a start.
 * Knows what {@link Container} writes: PBKDF2 and HMAC with SHA-512, AES-256 key wrap with padding (RFC 5649).
 */
final class LightContainer {
    private static final int KEY_SIZE = 32;
    private static final int SALT_SIZE = 16;

    /** The count stands outside of what the MAC covers; more would only keep the processor busy. */
    private static final int MAX_ITERATIONS = 1 << 20;

    private final char[] password;

    LightContainer(char[] password) {
        this.password = password;
    }

    /** A container of a kind that is left to the provider. */
    static final class UnknownKind extends IOException {
        private static final long serialVersionUID = 1;
    }

    /** The bytes of a secret key, of a container that was not changed. */
    Optional<byte[]> read(byte[] container, String alias) throws IOException {
        var store = ObjectStore.getInstance(container);
        try {
            verify(store);
        } catch (UnknownKind e) {
            // The provider would pay what a container asks, up to a GiB, before it knows who wrote it.
            throw new IOException("the container's MAC is of another kind", e);
        }
        if (!(store.getStoreData() instanceof EncryptedObjectStoreData encrypted)) {
            throw new UnknownKind();
        }
        var data = ObjectStoreData.getInstance(decrypt(
                "STORE_ENCRYPTION",
                encrypted.getEncryptionAlgorithm(),
                encrypted.getEncryptedContent().getOctets()));
        for (ASN1Encodable object : data.getObjectDataSequence()) {
            var entry = ObjectData.getInstance(object);
            if (entry.getIdentifier().equals(alias)) {
                var key = EncryptedSecretKeyData.getInstance(entry.getData());
                byte[] plain =
                        decrypt("SECRET_KEY_ENCRYPTION", key.getKeyEncryptionAlgorithm(), key.getEncryptedKeyData());
                return Optional.of(SecretKeyData.getInstance(plain).getKeyBytes());
            }
        }
        return Optional.empty();
    }

    /** An entry of a secret key for {@code KeyStore.setKeyEntry}, whose own entries stretch the password at each opening. */
    byte[] entry(byte[] key) throws IOException {
        byte[] salt = new byte[SALT_SIZE];
        new SecureRandom().nextBytes(salt);
        var prf = new AlgorithmIdentifier(
                PKCSObjectIdentifiers.id_hmacWithSHA512, org.bouncycastle.asn1.DERNull.INSTANCE);
        var derivation =
                new KeyDerivationFunc(PKCSObjectIdentifiers.id_PBKDF2, new PBKDF2Params(salt, 1, KEY_SIZE, prf));
        byte[] plain = new SecretKeyData(NISTObjectIdentifiers.aes, key).getEncoded();
        byte[] wrapping = derive(derivation, "SECRET_KEY_ENCRYPTION");
        try {
            var cipher = new AESWrapPadEngine();
            cipher.init(true, new KeyParameter(wrapping));
            var scheme = new EncryptionScheme(NISTObjectIdentifiers.id_aes256_wrap_pad);
            return new EncryptedSecretKeyData(
                            new AlgorithmIdentifier(
                                    PKCSObjectIdentifiers.id_PBES2, new PBES2Parameters(derivation, scheme)),
                            cipher.wrap(plain, 0, plain.length))
                    .getEncoded();
        } finally {
            Arrays.fill(wrapping, (byte) 0);
        }
    }

    private void verify(ObjectStore store) throws IOException {
        ObjectStoreIntegrityCheck check = store.getIntegrityCheck();
        if (check.getType() != ObjectStoreIntegrityCheck.PBKD_MAC_CHECK) {
            throw new UnknownKind();
        }
        var mac = PbkdMacIntegrityCheck.getInstance(check.getIntegrityCheck());
        require(mac.getMacAlgorithm().getAlgorithm().equals(PKCSObjectIdentifiers.id_hmacWithSHA512));
        byte[] key = derive(mac.getPbkdAlgorithm(), "INTEGRITY_CHECK");
        byte[] content = store.getStoreData().toASN1Primitive().getEncoded();
        var hmac = new HMac(new SHA512Digest());
        hmac.init(new KeyParameter(key));
        Arrays.fill(key, (byte) 0);
        hmac.update(content, 0, content.length);
        byte[] expected = new byte[hmac.getMacSize()];
        hmac.doFinal(expected, 0);
        if (!MessageDigest.isEqual(expected, mac.getMac())) {
            throw new IOException("the container's MAC does not fit");
        }
    }

    private byte[] decrypt(String purpose, AlgorithmIdentifier algorithm, byte[] ciphertext) throws IOException {
        require(algorithm.getAlgorithm().equals(PKCSObjectIdentifiers.id_PBES2));
        var parameters = PBES2Parameters.getInstance(algorithm.getParameters());
        require(parameters.getEncryptionScheme().getAlgorithm().equals(NISTObjectIdentifiers.id_aes256_wrap_pad));
        byte[] key = derive(parameters.getKeyDerivationFunc(), purpose);
        try {
            var cipher = new AESWrapPadEngine();
            cipher.init(false, new KeyParameter(key));
            return cipher.unwrap(ciphertext, 0, ciphertext.length);
        } catch (InvalidCipherTextException e) {
            throw new IOException("the container's content does not decrypt", e);
        } finally {
            Arrays.fill(key, (byte) 0);
        }
    }

    /** A key of its own for each purpose, as BCFKS defines it. */
    private byte[] derive(KeyDerivationFunc function, String purpose) throws IOException {
        require(function.getAlgorithm().equals(PKCSObjectIdentifiers.id_PBKDF2));
        var parameters = PBKDF2Params.getInstance(function.getParameters());
        require(parameters.getPrf().getAlgorithm().equals(PKCSObjectIdentifiers.id_hmacWithSHA512));
        require(parameters.getIterationCount().bitLength() <= Integer.SIZE - 1);
        int iterations = parameters.getIterationCount().intValue();
        require(iterations >= 1 && iterations <= MAX_ITERATIONS);
        int size = parameters.getKeyLength() == null
                ? KEY_SIZE
                : parameters.getKeyLength().intValue();
        require(size == KEY_SIZE || size == 2 * KEY_SIZE);
        byte[] first = PBEParametersGenerator.PKCS12PasswordToBytes(password);
        byte[] second = PBEParametersGenerator.PKCS12PasswordToBytes(purpose.toCharArray());
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        try {
            var generator = new PKCS5S2ParametersGenerator(new SHA512Digest());
            generator.init(both, parameters.getSalt(), iterations);
            return ((KeyParameter) generator.generateDerivedParameters(size * Byte.SIZE)).getKey();
        } finally {
            Arrays.fill(first, (byte) 0);
            Arrays.fill(both, (byte) 0);
        }
    }

    private static void require(boolean known) throws UnknownKind {
        if (!known) {
            throw new UnknownKind();
        }
    }
}
