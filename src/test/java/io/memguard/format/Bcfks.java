package io.memguard.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/** The container by what docs/FORMAT.md says of it, with a DER reader of its own. */
final class Bcfks {
    private Bcfks() {}

    /** One DER element. */
    @SuppressWarnings("ArrayRecordComponent")
    private record Der(int tag, byte[] whole, byte[] content) {
        static Der of(byte[] bytes) {
            return all(bytes).getFirst();
        }

        /** What a constructed one is made of. */
        List<Der> parts() {
            return all(content);
        }

        Der part(int index) {
            return parts().get(index);
        }

        int number() {
            return new java.math.BigInteger(content).intValueExact();
        }

        private static List<Der> all(byte[] bytes) {
            var parts = new ArrayList<Der>();
            for (int at = 0; at < bytes.length; ) {
                int begin = at;
                int tag = bytes[at++] & 0xFF;
                int length = bytes[at++] & 0xFF;
                if (length > 0x7F) {
                    int digits = length & 0x7F;
                    length = 0;
                    for (int i = 0; i < digits; i++) {
                        length = length << 8 | bytes[at++] & 0xFF;
                    }
                }
                parts.add(new Der(
                        tag,
                        Arrays.copyOfRange(bytes, begin, at + length),
                        Arrays.copyOfRange(bytes, at, at + length)));
                at += length;
            }
            return parts;
        }
    }

    static byte[] secretKey(byte[] file, String password, String alias) throws IOException, GeneralSecurityException {
        Der store = Der.of(file);
        Der data = store.part(0);
        Der check = store.part(1);
        byte[] mac =
                IndependentReader.hmac("HmacSHA512", derived(check.part(1), password, "INTEGRITY_CHECK"), data.whole());
        IndependentReader.require(Arrays.equals(mac, check.part(2).content()), "the container's HMAC");
        byte[] objects = decrypted(data, password, "STORE_ENCRYPTION");
        for (Der object : Der.of(objects).part(4).parts()) {
            String name = new String(object.part(1).content(), StandardCharsets.UTF_8);
            if ((object.part(0).number() == 2 || object.part(0).number() == 4) && name.equals(alias)) {
                byte[] key = decrypted(Der.of(object.part(4).content()), password, "SECRET_KEY_ENCRYPTION");
                return Der.of(key).part(1).content();
            }
        }
        throw new IOException("no such entry");
    }

    /** SEQUENCE { PBES2 { derivation, AES-256 key wrap with padding }, OCTET STRING }. */
    private static byte[] decrypted(Der sealed, String password, String purpose)
            throws IOException, GeneralSecurityException {
        Der derivation = sealed.part(0).part(1).part(0);
        var cipher = Cipher.getInstance("AES/KWP/NoPadding");
        cipher.init(Cipher.UNWRAP_MODE, new SecretKeySpec(derived(derivation, password, purpose), "AES"));
        return cipher.unwrap(sealed.part(1).content(), "any", Cipher.SECRET_KEY).getEncoded();
    }

    /** PBKDF2 with HMAC-SHA512 of the password and the purpose, both as PKCS #12 has passwords. */
    private static byte[] derived(Der derivation, String password, String purpose)
            throws IOException, GeneralSecurityException {
        List<Der> parameters = derivation.part(1).parts();
        byte[] salt = parameters.get(0).content();
        IndependentReader.require(parameters.get(1).number() == 1, "one round");
        int length = parameters.get(2).number();
        byte[] secret = (password + "\0" + purpose + "\0").getBytes(StandardCharsets.UTF_16BE);
        byte[] block = ByteBuffer.allocate(salt.length + 4).put(salt).putInt(1).array();
        return Arrays.copyOf(IndependentReader.hmac("HmacSHA512", secret, block), length);
    }
}
