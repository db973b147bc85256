package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyRecord;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The metadata file: lines of {@code key: value} in ASCII. The last line seals those above under the store key; the line
 * before it checks the key alone, so that a wrong key and a changed file are told apart.
 */
record Metadata(String storeId, KeyRecord keys, String keyCheck, String seal) {
    static final int FORMAT = 1;

    /** Larger files are not ours. */
    static final int MAX_SIZE = 1 << 20;

    private static final String FIRST_LINE = "memguard-store: " + FORMAT;
    private static final String PARAMETER = "key.";

    /** The bytes that {@link #seal} covers. */
    byte[] sealedPart() {
        var lines = new ArrayList<String>();
        lines.add(FIRST_LINE);
        lines.add("store-id: " + storeId);
        lines.add("provider: " + keys.provider());
        lines.add("mode: " + keys.mode().name().toLowerCase(Locale.ROOT));
        keys.parameters().forEach((name, value) -> lines.add(PARAMETER + name + ": " + value));
        lines.add("key-check: " + keyCheck);
        return text(lines);
    }

    static Metadata of(String storeId, KeyRecord keys, byte[] keyCheck) {
        return new Metadata(storeId, keys, Base64.getEncoder().encodeToString(keyCheck), "");
    }

    Metadata withSeal(byte[] made) {
        return new Metadata(storeId, keys, keyCheck, Base64.getEncoder().encodeToString(made));
    }

    byte[] keyCheckBytes() {
        return Base64.getDecoder().decode(keyCheck);
    }

    byte[] sealBytes() {
        return Base64.getDecoder().decode(seal);
    }

    byte[] toBytes() {
        var lines = new ArrayList<String>(
                new String(sealedPart(), StandardCharsets.US_ASCII).lines().toList());
        lines.add("seal: " + seal);
        return text(lines);
    }

    static Metadata parse(byte[] file) {
        List<String> lines = new String(file, StandardCharsets.US_ASCII).lines().toList();
        if (lines.isEmpty() || !lines.getFirst().startsWith("memguard-store: ")) {
            throw damaged("it does not begin as one");
        }
        if (!lines.getFirst().equals(FIRST_LINE)) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the store has a format that this version does not know (" + printable(lines.getFirst())
                            + "); use the version of memguard that wrote it");
        }
        Map<String, String> fields = fields(lines.subList(1, lines.size()));
        try {
            var parameters = new TreeMap<String, String>();
            fields.forEach((key, value) -> {
                if (key.startsWith(PARAMETER)) {
                    parameters.put(key.substring(PARAMETER.length()), value);
                }
            });
            var keys = new KeyRecord(
                    field(fields, "provider"),
                    KeyMode.valueOf(field(fields, "mode").toUpperCase(Locale.ROOT)),
                    parameters);
            var metadata =
                    new Metadata(field(fields, "store-id"), keys, field(fields, "key-check"), field(fields, "seal"));
            metadata.keyCheckBytes(); // Throws where it is not Base64.
            metadata.sealBytes();
            if (!metadata.storeId.matches("[0-9a-f]{32}")) {
                throw damaged("store-id is not 32 hexadecimal digits");
            }
            if (!java.util.Arrays.equals(metadata.toBytes(), file)) {
                throw damaged("it has lines that do not belong there");
            }
            return metadata;
        } catch (IllegalArgumentException e) {
            throw damaged("a field has no valid value");
        }
    }

    private static Map<String, String> fields(List<String> lines) {
        var fields = new LinkedHashMap<String, String>();
        for (String line : lines) {
            int colon = line.indexOf(": ");
            if (colon < 0 || fields.put(line.substring(0, colon), line.substring(colon + 2)) != null) {
                throw damaged("a line is not 'key: value', or stands there twice");
            }
        }
        return fields;
    }

    private static String field(Map<String, String> fields, String key) {
        String value = fields.get(key);
        if (value == null) {
            throw damaged(key + " is missing");
        }
        return value;
    }

    private static byte[] text(List<String> lines) {
        return (String.join("\n", lines) + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    private static String printable(String line) {
        return line.substring(0, Math.min(40, line.length())).replaceAll("[^\\x20-\\x7e]", "?");
    }

    private static MemGuardException damaged(String what) {
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "the metadata file " + StoreLayout.FOLDER + "/store.meta is damaged or was changed (" + what
                        + "); restore it from a backup of this store");
    }
}
