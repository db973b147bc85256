package io.memguard.migration;

import java.io.IOException;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.ASN1String;
import org.bouncycastle.asn1.ASN1TaggedObject;
import org.bouncycastle.asn1.pkcs.Attribute;
import org.bouncycastle.asn1.pkcs.AuthenticatedSafe;
import org.bouncycastle.asn1.pkcs.ContentInfo;
import org.bouncycastle.asn1.pkcs.EncryptedData;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.Pfx;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.SafeBag;
import org.jspecify.annotations.Nullable;

/**
 * Every bag of a PKCS #12 file (RFC 7292), as it stands there. java.security.KeyStore has one entry for each alias, in lower
 * case, and passes over kinds of bags that it does not know. Bouncy Castle reads the structure, JCA decrypts. Whether the
 * file is authentic was checked before.
 */
final class Pkcs12Bags {
    private static final int DEEPEST = 16;

    private final List<Key> keys = new ArrayList<>();
    private int certificates;
    private int revocations;

    private final char[] password;

    /** One key, still encrypted where the file has it so. */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    record Key(
            @Nullable String name, @Nullable EncryptedPrivateKeyInfo sealed, byte @Nullable [] plain, boolean secret) {}

    private Pkcs12Bags(char[] password) {
        this.password = password;
    }

    /**
     * Reads all bags.
     *
     * @param password the caller's to wipe
     * @throws IOException with the reason, where something in it can't be taken
     */
    static Pkcs12Bags read(byte[] file, char[] password) throws IOException, GeneralSecurityException {
        var bags = new Pkcs12Bags(password);
        try {
            var content = Pfx.getInstance(file).getAuthSafe();
            if (!content.getContentType().equals(PKCSObjectIdentifiers.data)) {
                throw new IOException("it is protected by public keys, which is not read");
            }
            byte[] safe = ASN1OctetString.getInstance(content.getContent()).getOctets();
            for (ContentInfo part : AuthenticatedSafe.getInstance(safe).getContentInfo()) {
                bags.readPart(part);
            }
        } catch (IllegalArgumentException | IllegalStateException | ClassCastException e) {
            throw new IOException("it is damaged", e);
        }
        return bags;
    }

    List<Key> keys() {
        return keys;
    }

    int certificates() {
        return certificates;
    }

    int revocations() {
        return revocations;
    }

    private void readPart(ContentInfo part) throws IOException, GeneralSecurityException {
        if (part.getContentType().equals(PKCSObjectIdentifiers.data)) {
            readSafe(ASN1OctetString.getInstance(part.getContent()).getOctets(), 0);
        } else if (part.getContentType().equals(PKCSObjectIdentifiers.encryptedData)) {
            var encrypted = EncryptedData.getInstance(part.getContent());
            var sealed = new EncryptedPrivateKeyInfo(new org.bouncycastle.asn1.pkcs.EncryptedPrivateKeyInfo(
                            encrypted.getEncryptionAlgorithm(),
                            encrypted.getContent().getOctets())
                    .getEncoded(ASN1Encoding.DER));
            byte[] safe = decrypt(sealed, password);
            try {
                readSafe(safe, 0);
            } finally {
                Arrays.fill(safe, (byte) 0);
            }
        } else {
            throw new IOException("a part of it is encrypted for public keys, which is not read");
        }
    }

    private void readSafe(byte[] safe, int depth) throws IOException {
        if (depth > DEEPEST) {
            throw new IOException("it is nested too deeply");
        }
        for (ASN1Encodable each : ASN1Sequence.getInstance(safe)) {
            readBag(SafeBag.getInstance(each), depth);
        }
    }

    private void readBag(SafeBag bag, int depth) throws IOException {
        ASN1ObjectIdentifier kind = bag.getBagId();
        if (kind.equals(PKCSObjectIdentifiers.keyBag)) {
            byte[] key = PrivateKeyInfo.getInstance(bag.getBagValue()).getEncoded(ASN1Encoding.DER);
            keys.add(new Key(nameOf(bag), null, key, false));
        } else if (kind.equals(PKCSObjectIdentifiers.pkcs8ShroudedKeyBag)) {
            keys.add(new Key(nameOf(bag), sealed(bag.getBagValue()), null, false));
        } else if (kind.equals(PKCSObjectIdentifiers.certBag)) {
            certificates++;
        } else if (kind.equals(PKCSObjectIdentifiers.crlBag)) {
            revocations++;
        } else if (kind.equals(PKCSObjectIdentifiers.secretBag)) {
            keys.add(secret(bag));
        } else if (kind.equals(PKCSObjectIdentifiers.safeContentsBag)) {
            readSafe(ASN1Sequence.getInstance(bag.getBagValue()).getEncoded(), depth + 1);
        } else {
            throw new IOException("it has a bag of an unknown kind, " + kind.getId());
        }
    }

    private static EncryptedPrivateKeyInfo sealed(ASN1Encodable value) throws IOException {
        return new EncryptedPrivateKeyInfo(org.bouncycastle.asn1.pkcs.EncryptedPrivateKeyInfo.getInstance(value)
                .getEncoded(ASN1Encoding.DER));
    }

    /** A secret key as Java writes it: encrypted like a private key. */
    private Key secret(SafeBag bag) throws IOException {
        var parts = ASN1Sequence.getInstance(bag.getBagValue());
        var kind = ASN1ObjectIdentifier.getInstance(parts.getObjectAt(0));
        if (!kind.equals(PKCSObjectIdentifiers.pkcs8ShroudedKeyBag)) {
            throw new IOException(
                    "secret number " + (keys.size() + 1) + " of it is of an unknown kind, " + kind.getId());
        }
        var value = ASN1TaggedObject.getInstance(parts.getObjectAt(1)).getExplicitBaseObject();
        return new Key(
                nameOf(bag),
                sealed(ASN1Sequence.getInstance(
                        ASN1OctetString.getInstance(value).getOctets())),
                null,
                true);
    }

    private static @Nullable String nameOf(SafeBag bag) {
        ASN1Set attributes = bag.getBagAttributes();
        if (attributes != null) {
            for (ASN1Encodable each : attributes) {
                var attribute = Attribute.getInstance(each);
                if (attribute.getAttrType().equals(PKCSObjectIdentifiers.pkcs_9_at_friendlyName)
                        && attribute.getAttrValues().size() > 0
                        && attribute.getAttrValues().getObjectAt(0) instanceof ASN1String text) {
                    return text.getString();
                }
            }
        }
        return null;
    }

    /** The bytes of a key: PKCS #8 for a private one, its octets for a secret one. The caller wipes them. */
    static byte[] open(Key key, char[] password) throws IOException, GeneralSecurityException {
        byte[] plain = key.plain();
        if (plain != null) {
            return plain.clone();
        }
        byte[] info = decrypt(java.util.Objects.requireNonNull(key.sealed()), password);
        if (!key.secret()) {
            return info;
        }
        try {
            return PrivateKeyInfo.getInstance(info).getPrivateKey().getOctets();
        } catch (IllegalArgumentException | ClassCastException e) {
            throw new IOException("a secret key of it is damaged", e);
        } finally {
            Arrays.fill(info, (byte) 0);
        }
    }

    private static byte[] decrypt(EncryptedPrivateKeyInfo sealed, char[] password) throws GeneralSecurityException {
        try {
            return decryptWith(sealed, password);
        } catch (GeneralSecurityException e) {
            if (password.length > 0) {
                throw e;
            }
            return decryptWith(sealed, new char[1]); // Some write an empty password so.
        }
    }

    private static byte[] decryptWith(EncryptedPrivateKeyInfo sealed, char[] password) throws GeneralSecurityException {
        AlgorithmParameters parameters = sealed.getAlgParameters();
        if (parameters == null) {
            throw new java.security.NoSuchAlgorithmException(sealed.getAlgName());
        }
        // The parameters of PBES2 say which cipher it is, in this form only.
        String algorithm = parameters.getAlgorithm().equals("PBES2") ? parameters.toString() : sealed.getAlgName();
        var spec = new PBEKeySpec(password);
        try {
            var cipher = Cipher.getInstance(algorithm);
            cipher.init(
                    Cipher.DECRYPT_MODE, SecretKeyFactory.getInstance(algorithm).generateSecret(spec), parameters);
            return cipher.doFinal(sealed.getEncryptedData());
        } finally {
            spec.clearPassword();
        }
    }
}
