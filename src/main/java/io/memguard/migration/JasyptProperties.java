package io.memguard.migration;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.PBEParameterSpec;

/**
 * Properties whose values jasypt encrypted: {@code key=ENC(...)}, where the dots are Base64 or hexadecimal digits of
 * {@code salt || iv || ciphertext} (jasypt 1.9.3, StandardPBEByteEncryptor). Salts and IVs are random and as long as a block
 * of the cipher; only the {@code PBEWITHHMAC...} algorithms have an IV. Fixed salts and IVs are not read.
 */
public final class JasyptProperties {
    /** What jasypt-spring-boot 3 uses unless told otherwise. */
    public static final String DEFAULT_ALGORITHM = "PBEWITHHMACSHA512ANDAES_256";

    /** How often jasypt hashes the password unless told otherwise. */
    public static final int DEFAULT_ITERATIONS = 1000;

    private static final int MAX_ITERATIONS = 10_000_000;
    private static final int STREAM_SALT = 8; // For ciphers without blocks.

    private final SecretBuffer password;
    private final String algorithm;
    private final int iterations;
    private final List<Entry> entries = new ArrayList<>();
    private final int others;

    private JasyptProperties(byte[] file, SecretBuffer password, String algorithm, int iterations) {
        this.password = password;
        this.algorithm = algorithm;
        this.iterations = iterations;
        Map<String, String> properties = parse(file);
        properties.forEach((key, value) -> {
            String text = value.strip();
            if (text.startsWith("ENC(") && text.endsWith(")")) {
                entries.add(new Encrypted(entries.size() + 1, key, text.substring(4, text.length() - 1)));
            }
        });
        others = properties.size() - entries.size();
    }

    /**
     * Reads a file's properties, and decrypts none yet.
     *
     * @param file as java.util.Properties reads it
     * @param password stays the caller's, and open as long as this is used
     * @param algorithm by its JCA name
     * @throws MemGuardException INVALID_ARGUMENTS where it is no such file, or the algorithm is unknown
     */
    public static JasyptProperties read(byte[] file, SecretBuffer password, String algorithm, int iterations) {
        if (!algorithm.toUpperCase(Locale.ROOT).startsWith("PBE") || iterations < 1 || iterations > MAX_ITERATIONS) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "give jasypt's algorithm, such as " + DEFAULT_ALGORITHM
                            + " or PBEWithMD5AndDES, and its iterations");
        }
        try {
            Cipher.getInstance(algorithm);
        } catch (GeneralSecurityException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "this Java does not know the algorithm; see jasypt's configuration",
                    e);
        }
        return new JasyptProperties(file, password, algorithm, iterations);
    }

    /** The encrypted ones, in the file's order. */
    public List<Entry> entries() {
        return List.copyOf(entries);
    }

    /** How many properties are not encrypted. */
    public int others() {
        return others;
    }

    private static Map<String, String> parse(byte[] file) {
        var ordered = new LinkedHashMap<String, String>();
        try {
            new Properties() {
                private static final long serialVersionUID = 1;

                @Override
                public synchronized Object put(Object key, Object value) {
                    return ordered.put((String) key, (String) value);
                }
            }.load(new ByteArrayInputStream(file));
        } catch (IOException | IllegalArgumentException e) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "it is no file of Java properties", e);
        }
        return ordered;
    }

    private static byte[] decode(String text) {
        return text.matches("([0-9A-Fa-f]{2})+")
                ? HexFormat.of().parseHex(text)
                : Base64.getMimeDecoder().decode(text.getBytes(StandardCharsets.US_ASCII));
    }

    private byte[] decrypt(byte[] message) throws GeneralSecurityException {
        var cipher = Cipher.getInstance(algorithm);
        int block = cipher.getBlockSize() > 0 ? cipher.getBlockSize() : STREAM_SALT;
        int iv = algorithm.toUpperCase(Locale.ROOT).startsWith("PBEWITHHMAC") ? block : 0;
        if (message.length < block + iv) {
            throw new BadPaddingException("too short");
        }
        byte[] salt = Arrays.copyOf(message, block);
        var parameters = iv == 0
                ? new PBEParameterSpec(salt, iterations)
                : new PBEParameterSpec(salt, iterations, new IvParameterSpec(message, block, iv));
        SecretKey key = key(Passwords.of(password));
        cipher.init(Cipher.DECRYPT_MODE, key, parameters);
        return cipher.doFinal(message, block + iv, message.length - block - iv);
    }

    /** Jasypt brings passwords into Unicode's form C. */
    private SecretKey key(char[] password) throws GeneralSecurityException {
        char[] normal = Normalizer.isNormalized(CharBuffer.wrap(password), Normalizer.Form.NFC)
                ? password
                : Normalizer.normalize(CharBuffer.wrap(password), Normalizer.Form.NFC)
                        .toCharArray();
        var spec = new PBEKeySpec(normal);
        try {
            return SecretKeyFactory.getInstance(algorithm).generateSecret(spec);
        } finally {
            spec.clearPassword();
            Arrays.fill(normal, '\0');
            Arrays.fill(password, '\0');
        }
    }

    private final class Encrypted implements Entry {
        private final int number;
        private final String key;
        private final String text;

        Encrypted(int number, String key, String text) {
            this.number = number;
            this.key = key;
            this.text = text;
        }

        @Override
        public String name() {
            return key;
        }

        @Override
        public byte[] value() {
            try {
                return decrypt(decode(text));
            } catch (GeneralSecurityException | IllegalArgumentException e) {
                throw new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "ENC(...) number " + number
                                + " of the file does not open: the password is wrong, or the algorithm"
                                + " or the iterations differ from jasypt's configuration",
                        e);
            }
        }
    }
}
