package io.memguard.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;

/**
 * Reads a store with the provider {@code software} by what docs/FORMAT.md says, with nothing of the library: the JDK's
 * ciphers, and Bouncy Castle for Argon2id only.
 */
final class IndependentReader {
    private static final int VALUE = 1;
    private static final int NAME = 2;
    private static final int KEY_CHECK = 3;
    private static final int METADATA = 4;
    private static final byte[] CHECKED = "memguard-key-chk".getBytes(StandardCharsets.US_ASCII);

    private final Path folder;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final byte[] storeId;
    private final byte[] storeKey;

    private IndependentReader(Path folder, byte[] passphrase) throws IOException, GeneralSecurityException {
        this.folder = folder;
        String text = Files.readString(folder.resolve("store.meta"), StandardCharsets.US_ASCII);
        text.lines().forEach(line -> metadata.put(line.split(": ", 2)[0], line.split(": ", 2)[1]));
        require(
                metadata.get("memguard-store").equals("1")
                        && metadata.get("provider").equals("software"),
                "format");
        storeId = hex("store-id");
        byte[] master = argon2id(passphrase);
        require(Arrays.equals(branch(master, "check", 16), hex("key.passphrase-check")), "passphrase");
        String password = HexFormat.of().formatHex(branch(master, "container", 32));
        Path container = folder.resolve("keystore.bcfks" + metadata.getOrDefault("key.container-suffix", ""));
        byte[] wrapped = Bcfks.secretKey(Files.readAllBytes(container), password, "memguard-store-key");
        String aad = "memguard/1 store key " + metadata.get("store-id");
        storeKey = gcm(branch(master, "kek", 32), wrapped, aad.getBytes(StandardCharsets.US_ASCII));
        require(
                Arrays.equals(
                        open(Base64.getDecoder().decode(metadata.get("key-check")), KEY_CHECK, new byte[32]), CHECKED),
                "key");
        String covered = text.substring(0, text.lastIndexOf("seal: "));
        byte[] seal = Base64.getDecoder().decode(metadata.get("seal"));
        byte[] place = sha256(covered.getBytes(StandardCharsets.US_ASCII));
        require(Arrays.equals(open(seal, METADATA, place), CHECKED), "metadata");
    }

    /** All values by their names. */
    static Map<String, byte[]> read(Path directory, byte[] passphrase) throws IOException, GeneralSecurityException {
        return new IndependentReader(directory.resolve("memguard_secure"), passphrase).values();
    }

    private Map<String, byte[]> values() throws IOException, GeneralSecurityException {
        var values = new TreeMap<String, byte[]>();
        try (var files = Files.newDirectoryStream(folder, "mg_*.dat")) {
            for (Path file : files) {
                String hash = String.valueOf(file.getFileName()).substring(3, 67);
                byte[] place = HexFormat.of().parseHex(hash);
                byte[] name = open(decoded(folder.resolve("mg_" + hash + ".name")), NAME, place);
                require(Arrays.equals(sha256(name), place), "name");
                values.put(new String(name, StandardCharsets.UTF_8), open(decoded(file), VALUE, place));
            }
        }
        return values;
    }

    private static byte[] decoded(Path file) throws IOException {
        return Base64.getDecoder().decode(Files.readAllBytes(file));
    }

    private byte[] open(byte[] sealed, int purpose, byte[] place) throws GeneralSecurityException {
        byte[] aad = ByteBuffer.allocate(53)
                .put("MGS".getBytes(StandardCharsets.US_ASCII))
                .put((byte) 1)
                .put((byte) purpose)
                .put(storeId)
                .put(place)
                .array();
        return gcm(storeKey, sealed, aad);
    }

    private static byte[] gcm(byte[] key, byte[] sealed, byte[] aad) throws GeneralSecurityException {
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, sealed, 0, 12));
        cipher.updateAAD(aad);
        return cipher.doFinal(sealed, 12, sealed.length - 12);
    }

    private byte[] argon2id(byte[] passphrase) {
        var generator = new Argon2BytesGenerator();
        generator.init(new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
                .withVersion(Argon2Parameters.ARGON2_VERSION_13)
                .withSalt(hex("key.argon2id-salt"))
                .withIterations(Integer.parseInt(metadata.get("key.argon2id-operations")))
                .withMemoryAsKB((int) (Long.parseLong(metadata.get("key.argon2id-memory")) / 1024))
                .withParallelism(1)
                .build());
        byte[] master = new byte[32];
        generator.generateBytes(passphrase, master);
        return master;
    }

    private byte[] branch(byte[] master, String purpose, int length) throws GeneralSecurityException {
        byte[] pseudorandom = hmac("HmacSHA256", new byte[32], master);
        byte[] info =
                ("memguard/1 " + purpose + " " + metadata.get("store-id") + "\1").getBytes(StandardCharsets.US_ASCII);
        return Arrays.copyOf(hmac("HmacSHA256", pseudorandom, info), length);
    }

    static byte[] hmac(String algorithm, byte[] key, byte[] data) throws GeneralSecurityException {
        var mac = Mac.getInstance(algorithm);
        mac.init(new SecretKeySpec(key, algorithm));
        return mac.doFinal(data);
    }

    private byte[] hex(String field) {
        return HexFormat.of().parseHex(metadata.get(field));
    }

    private static byte[] sha256(byte[] data) throws GeneralSecurityException {
        return MessageDigest.getInstance("SHA-256").digest(data);
    }

    static void require(boolean right, String what) throws IOException {
        if (!right) {
            throw new IOException("not as docs/FORMAT.md says: " + what);
        }
    }
}
