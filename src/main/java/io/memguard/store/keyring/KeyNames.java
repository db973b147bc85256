package io.memguard.store.keyring;

import io.memguard.keys.KeyDescriptor;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** How messages name a key: by its provider, and a key in a token by its label and token. */
public final class KeyNames {
    private KeyNames() {}

    /** In words. */
    public static String of(KeyDescriptor record) {
        String token = record.parameters().get("token");
        if (token == null) {
            return "the key of the provider '" + record.provider() + "'";
        }
        return "the key '" + label(record) + "' in the token '" + token + "' (provider '" + record.provider() + "')";
    }

    private static String label(KeyDescriptor record) {
        try {
            byte[] label = HexFormat.of().parseHex(record.parameters().getOrDefault("object", ""));
            return new String(label, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", "?");
        } catch (IllegalArgumentException e) {
            return "?";
        }
    }
}
