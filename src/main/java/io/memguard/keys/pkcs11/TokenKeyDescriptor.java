package io.memguard.keys.pkcs11;

import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.WrappedKey;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** What the metadata of a store says about its key in a token; docs/FORMAT.md has the words. */
final class TokenKeyDescriptor {
    private static final String TOKEN = "token";
    private static final String SERIAL = "serial";
    private static final String LABEL = "object";
    private static final String ID = "id";
    private static final String ORIGIN = "origin";
    private static final String SALT = "salt";
    private static final String WRAPPED = "wrapped-key";

    private static final String MADE = "memguard";
    private static final String FOUND = "token";

    private final KeyDescriptor record;

    TokenKeyDescriptor(KeyDescriptor record) {
        this.record = record;
    }

    /** @param made whether this library made the key for the store, so that the key ends with it */
    static Map<String, String> parameters(TokenInfo token, String label, String id, boolean made) {
        return new HashMap<>(Map.of(
                TOKEN, printable(token.label()),
                SERIAL, printable(token.serial()),
                LABEL,
                        HexFormat.of()
                                .formatHex(label.getBytes(StandardCharsets.UTF_8)), // Any UTF-8; records are ASCII.
                ID, id,
                ORIGIN, made ? MADE : FOUND));
    }

    static void addWrapped(Map<String, String> parameters, byte[] salt, byte[] wrapped) {
        parameters.put(SALT, HexFormat.of().formatHex(salt));
        parameters.put(WRAPPED, HexFormat.of().formatHex(wrapped));
    }

    KeyMode mode() {
        return record.mode();
    }

    /** For messages. */
    String token() {
        return record.parameters().getOrDefault(TOKEN, "");
    }

    String label() {
        byte[] label = bytes(LABEL);
        if (label.length == 0) {
            throw damaged(LABEL);
        }
        return new String(label, StandardCharsets.UTF_8);
    }

    /** The CKA_ID in hexadecimal; empty where the key has none. */
    String id() {
        return HexFormat.of().formatHex(bytes(ID));
    }

    /** Whether the key is in this token, by label and serial number. */
    boolean isIn(TokenInfo token) {
        return printable(token.label()).equals(record.parameters().get(TOKEN))
                && printable(token.serial()).equals(record.parameters().get(SERIAL));
    }

    /** A token in 32 digits, by its label and serial number. */
    static String place(TokenInfo token) {
        String text = printable(token.label()) + "\n" + printable(token.serial());
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(digest, 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // Every Java platform has it.
        }
    }

    /** Whether both name one key. */
    boolean isSameKey(TokenKeyDescriptor other) {
        return label().equals(other.label())
                && id().equals(other.id())
                && record.parameters()
                        .getOrDefault(SERIAL, "")
                        .equals(other.record.parameters().get(SERIAL))
                && token().equals(other.token());
    }

    private static String printable(String text) {
        return text.replaceAll("[^\\x20-\\x7e]", "?");
    }

    boolean isMade() {
        return MADE.equals(record.parameters().get(ORIGIN));
    }

    byte[] salt() {
        return bytes(SALT, Envelope.SALT_SIZE);
    }

    byte[] wrapped() {
        return bytes(WRAPPED, WrappedKey.SIZE);
    }

    private byte[] bytes(String name, int size) {
        byte[] value = bytes(name);
        if (value.length != size) {
            throw damaged(name);
        }
        return value;
    }

    private byte[] bytes(String name) {
        try {
            return HexFormat.of().parseHex(record.parameters().getOrDefault(name, ""));
        } catch (IllegalArgumentException e) {
            throw damaged(name);
        }
    }

    private static RuntimeException damaged(String name) {
        return ReturnValues.keyInvalid(
                "the store's metadata has no valid " + name + "; restore store.meta from a backup of this store", null);
    }
}
