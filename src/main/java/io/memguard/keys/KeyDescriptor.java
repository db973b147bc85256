package io.memguard.keys;

import java.util.Map;
import java.util.TreeMap;

/**
 * What a provider needs to find its key again, kept in the store's metadata. Nothing in it is secret: it is on disk in
 * the clear (wrapped keys, salts, labels), protected against changes by the store key.
 *
 * @param provider {@link KeyProvider#type()} of who made it
 * @param mode how the key is used
 * @param parameters the provider's own; names of {@code a-z0-9-}, values of printable ASCII
 */
public record KeyDescriptor(String provider, KeyMode mode, Map<String, String> parameters) {
    /** Checks that the record can be written to the metadata and read back unchanged. */
    public KeyDescriptor {
        requireMatch(provider, "[a-z0-9-]{1,64}");
        parameters = java.util.Collections.unmodifiableMap(new TreeMap<>(parameters));
        parameters.forEach((name, value) -> {
            requireMatch(name, "[a-z0-9-]{1,64}");
            requireMatch(value, "[\\x20-\\x7e]{0,65536}");
        });
    }

    private static void requireMatch(String text, String pattern) {
        if (!text.matches(pattern)) {
            throw new IllegalArgumentException("a key record takes " + pattern + " only");
        }
    }
}
