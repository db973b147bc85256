package io.memguard;

import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Figures of a store, with exactly eight keys.
 *
 * @param storageType where the key is: {@value #HARDWARE} (a PKCS #11 token, or a provider that encrypts itself), else
 *     {@value #SOFTWARE}
 * @param encryptionType of the files: {@value #ENCRYPTION_TYPE}
 * @param keyStrength in bits: {@value #KEY_STRENGTH}
 * @param rustInitialized whether the native cache is ready
 * @param itemsCount stored values; memory-only ones do not count
 * @param totalSizeBytes their encrypted files together
 * @param directoryPath the folder of the files
 * @param timestamp when this was counted
 */
public record Stats(
        String storageType,
        String encryptionType,
        int keyStrength,
        boolean rustInitialized,
        long itemsCount,
        long totalSizeBytes,
        Path directoryPath,
        Instant timestamp) {

    static final String HARDWARE = "hardware_backed_keystore";
    static final String SOFTWARE = "software_keystore";
    static final String ENCRYPTION_TYPE = "aes_256_gcm";
    static final int KEY_STRENGTH = 256;

    /** The eight keys in their fixed order; {@code key_strength} as {@code 256_bit}, {@code timestamp} in ms since 1970. */
    public Map<String, Object> toMap() {
        var map = new LinkedHashMap<String, Object>();
        map.put("storage_type", storageType);
        map.put("encryption_type", encryptionType);
        map.put("key_strength", keyStrength + "_bit");
        map.put("rust_initialized", rustInitialized);
        map.put("items_count", itemsCount);
        map.put("total_size_bytes", totalSizeBytes);
        map.put("directory_path", directoryPath.toString());
        map.put("timestamp", timestamp.toEpochMilli());
        return map;
    }

    /** The same as one JSON object (RFC 8259). */
    public String toJson() {
        var json = new StringBuilder("{");
        toMap().forEach((key, value) -> {
            json.append(json.length() > 1 ? ", " : "").append('"').append(key).append("\": ");
            json.append(value instanceof String text ? quoted(text) : value);
        });
        return json.append('}').toString();
    }

    private static String quoted(String text) {
        var json = new StringBuilder("\"");
        text.chars().forEach(c -> {
            if (c == '"' || c == '\\') {
                json.append('\\').append((char) c);
            } else if (c < 0x20 || Character.isSurrogate((char) c)) {
                json.append(String.format("\\u%04x", c));
            } else {
                json.append((char) c);
            }
        });
        return json.append('"').toString();
    }
}
