package io.memguard.migration;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.store.SecretName;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.PBEParameterSpec;
import org.jspecify.annotations.Nullable;

/**
 * A configuration file with values that jasypt encrypted: {@code ENC(...)}, where the dots are Base64 or hexadecimal digits of
 * {@code salt || iv || ciphertext} (jasypt 1.9.3, StandardPBEByteEncryptor). Salts and IVs are random and as long as a block
 * of the cipher; only the {@code PBEWITHHMAC...} algorithms have an IV. Fixed salts and IVs are not read.
 */
public final class JasyptFile {
    /** What jasypt-spring-boot 3 uses unless told otherwise. */
    public static final String DEFAULT_ALGORITHM = "PBEWITHHMACSHA512ANDAES_256";

    /** How often jasypt hashes the password unless told otherwise. */
    public static final int DEFAULT_ITERATIONS = 1000;

    static final String BEGIN = "ENC(";

    private static final int MAX_ITERATIONS = 10_000_000;
    private static final int STREAM_SALT = 8; // For ciphers without blocks.

    private final SecretBuffer password;
    private final Scheme scheme;
    private final List<Entry> entries = new ArrayList<>();
    private final List<Integer> leftOut;
    private int others;

    /**
     * What jasypt was told.
     *
     * @param algorithm by its JCA name
     */
    public record Scheme(String algorithm, int iterations) {
        /**
         * Checks them.
         *
         * @throws MemGuardException INVALID_ARGUMENTS where the algorithm is unknown
         */
        public Scheme {
            if (!algorithm.toUpperCase(Locale.ROOT).startsWith("PBE")
                    || iterations < 1
                    || iterations > MAX_ITERATIONS) {
                throw Text.invalid("give jasypt's algorithm, such as " + DEFAULT_ALGORITHM
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
        }
    }

    /**
     * Which part of a file is read.
     *
     * @param document its number in the file, from 1; 0 for all
     */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    public record Source(String fileName, byte[] file, Format format, int document) {
        private List<Setting> settings() {
            List<Setting> all = format.read(fileName, file);
            if (document != 0 && all.stream().noneMatch(setting -> setting.document() == document)) {
                throw Text.invalid("the file has no settings in a document number " + document);
            }
            return all.stream()
                    .filter(setting -> document == 0 || setting.document() == document)
                    .toList();
        }

        private List<String> lines() {
            return Text.lines(Text.of(file, false));
        }
    }

    private JasyptFile(Source source, SecretBuffer password, Scheme scheme) {
        this.password = password;
        this.scheme = scheme;
        var lines = new EncryptedLines(source.lines());
        List<Setting> settings = source.settings();
        var first = new HashMap<String, Setting>();
        for (Setting setting : settings) {
            String text = setting.value().strip();
            boolean encrypted = text.startsWith(BEGIN) && text.endsWith(")");
            requireOnce(first.put(setting.name(), setting), setting, encrypted);
            if (encrypted) {
                requireName(setting);
                entries.add(
                        new Encrypted(entries.size() + 1, setting, text.substring(BEGIN.length(), text.length() - 1)));
                lines.taken(setting);
            } else {
                others++;
                lines.seen(setting);
            }
        }
        leftOut = lines.rest();
    }

    /**
     * Reads a file's settings, and decrypts none yet.
     *
     * @param password stays the caller's, and open as long as this is used
     * @throws MemGuardException INVALID_ARGUMENTS where it is no such file, or a name is there twice
     */
    public static JasyptFile read(Source source, SecretBuffer password, Scheme scheme) {
        return new JasyptFile(source, password, scheme);
    }

    /** The encrypted ones, in the file's order. */
    public List<Entry> entries() {
        return List.copyOf(entries);
    }

    /** How many settings are not encrypted. */
    public int others() {
        return others;
    }

    /** The lines with an {@code ENC(} that is none of the entries: in a comment, in quotes, in the middle of a value. */
    public List<Integer> leftOut() {
        return List.copyOf(leftOut);
    }

    private static void requireOnce(@Nullable Setting before, Setting setting, boolean encrypted) {
        if (before != null && (encrypted || before.value().strip().startsWith(BEGIN))) {
            throw Text.invalid("lines " + before.line() + " and " + setting.line() + " have the same name"
                    + (before.document() == setting.document()
                            ? "; delete one"
                            : ", in documents " + before.document() + " and " + setting.document()
                                    + " of the file; take one by --document, with a --prefix of its own"));
        }
    }

    private static void requireName(Setting setting) {
        try {
            SecretName.of(setting.name());
        } catch (MemGuardException e) {
            throw new MemGuardException(e.code(), "line " + setting.line() + ": " + e.getMessage(), e);
        }
    }

    private static byte[] decode(String text) {
        return text.matches("([0-9A-Fa-f]{2})+")
                ? HexFormat.of().parseHex(text)
                : Base64.getMimeDecoder().decode(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** A wrong password opens one text of 256 by chance, as bytes that are hardly ever text. */
    private static byte[] requireText(byte[] value) throws BadPaddingException {
        try {
            CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value));
            boolean plain = text.chars().allMatch(c -> (c >= ' ' && c != 0x7F) || c == '\t' || c == '\n' || c == '\r');
            Arrays.fill(text.array(), '\0');
            if (plain) {
                return value;
            }
        } catch (CharacterCodingException e) {
            // The same.
        }
        Arrays.fill(value, (byte) 0);
        throw new BadPaddingException("no text");
    }

    private byte[] decrypt(byte[] message) throws GeneralSecurityException {
        var cipher = Cipher.getInstance(scheme.algorithm());
        int block = cipher.getBlockSize() > 0 ? cipher.getBlockSize() : STREAM_SALT;
        int iv = scheme.algorithm().toUpperCase(Locale.ROOT).startsWith("PBEWITHHMAC") ? block : 0;
        if (message.length < block + iv) {
            throw new BadPaddingException("too short");
        }
        byte[] salt = Arrays.copyOf(message, block);
        var parameters = iv == 0
                ? new PBEParameterSpec(salt, scheme.iterations())
                : new PBEParameterSpec(salt, scheme.iterations(), new IvParameterSpec(message, block, iv));
        SecretKey key = key(Passwords.of(password));
        cipher.init(Cipher.DECRYPT_MODE, key, parameters);
        return requireText(cipher.doFinal(message, block + iv, message.length - block - iv));
    }

    /** Jasypt brings passwords into Unicode's form C. */
    private SecretKey key(char[] password) throws GeneralSecurityException {
        char[] normal = Normalizer.isNormalized(CharBuffer.wrap(password), Normalizer.Form.NFC)
                ? password
                : Normalizer.normalize(CharBuffer.wrap(password), Normalizer.Form.NFC)
                        .toCharArray();
        var spec = new PBEKeySpec(normal);
        try {
            return SecretKeyFactory.getInstance(scheme.algorithm()).generateSecret(spec);
        } finally {
            spec.clearPassword();
            Arrays.fill(normal, '\0');
            Arrays.fill(password, '\0');
        }
    }

    private final class Encrypted implements Entry {
        private final int number;
        private final Setting setting;
        private final String text;

        Encrypted(int number, Setting setting, String text) {
            this.number = number;
            this.setting = setting;
            this.text = text;
        }

        @Override
        public String name() {
            return setting.name();
        }

        @Override
        public String place() {
            return "line " + setting.line();
        }

        @Override
        public byte[] value() {
            try {
                return decrypt(decode(text));
            } catch (GeneralSecurityException | IllegalArgumentException e) {
                throw new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "ENC(...) number " + number + " of the file, in line " + setting.line()
                                + ", does not open as text: the password is wrong, or the algorithm"
                                + " or the iterations differ from jasypt's configuration",
                        e);
            }
        }
    }
}
