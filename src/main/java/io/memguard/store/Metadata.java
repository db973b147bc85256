package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyRecord;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The metadata file: lines of {@code key: value} in ASCII. The last line seals those above under the store key; a check of
 * the key alone stands before, so that a wrong key and a changed file are told apart.
 *
 * @param recorded whether a token keeps records of the files, to detect roll-backs
 * @param next the key that the store goes over to, while it does
 * @param old a key that no file is under any more, and that its provider still has to forget
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record Metadata(
        String storeId,
        KeyRecord keys,
        byte[] keyCheck,
        boolean recorded,
        Optional<Next> next,
        Optional<KeyRecord> old,
        byte[] seal) {
    static final int FORMAT = 1;

    /** Larger files are not ours. */
    static final int MAX_SIZE = 1 << 20;

    private static final String FIRST_LINE = "memguard-store: " + FORMAT;
    private static final String NEXT = "next-";
    private static final String OLD = "old-";
    private static final String RECORDS = "rollback-records";
    private static final String REQUIRED = "required";
    private static final byte[] NONE = {};

    /** @param sealedKey the key itself under the current one; empty where it can't leave its token */
    @SuppressWarnings("ArrayRecordComponent")
    record Next(KeyRecord keys, byte[] keyCheck, byte[] sealedKey) {}

    static Metadata of(String storeId, KeyRecord keys, byte[] keyCheck) {
        return new Metadata(storeId, keys, keyCheck, false, Optional.empty(), Optional.empty(), NONE);
    }

    Metadata withSeal(byte[] made) {
        return new Metadata(storeId, keys, keyCheck, recorded, next, old, made);
    }

    /** On the way to another key. */
    Metadata withNext(Next other) {
        return new Metadata(storeId, keys, keyCheck, recorded, Optional.of(other), old, NONE);
    }

    /** Gone over to the next key. */
    Metadata arrived() {
        Next other = next.orElseThrow();
        return new Metadata(
                storeId, other.keys(), other.keyCheck(), recorded, Optional.empty(), Optional.of(keys), NONE);
    }

    Metadata withoutOld() {
        return new Metadata(storeId, keys, keyCheck, recorded, next, Optional.empty(), NONE);
    }

    Metadata withRecords(boolean kept) {
        return new Metadata(storeId, keys, keyCheck, kept, next, old, NONE);
    }

    /** Of all keys that it names. */
    List<KeyRecord> records() {
        return Stream.of(Optional.of(keys), next.map(Next::keys), old)
                .flatMap(Optional::stream)
                .toList();
    }

    /** The bytes that {@link #seal} covers. */
    byte[] sealedPart() {
        var lines = new ArrayList<String>();
        lines.add(FIRST_LINE);
        lines.add("store-id: " + storeId);
        add(lines, "", keys);
        lines.add("key-check: " + base64(keyCheck));
        if (recorded) {
            lines.add(RECORDS + ": " + REQUIRED);
        }
        next.ifPresent(other -> {
            add(lines, NEXT, other.keys());
            lines.add(NEXT + "key-check: " + base64(other.keyCheck()));
            lines.add(NEXT + "sealed-key: " + base64(other.sealedKey()));
        });
        old.ifPresent(record -> add(lines, OLD, record));
        return text(lines);
    }

    private static void add(List<String> lines, String prefix, KeyRecord record) {
        lines.add(prefix + "provider: " + record.provider());
        lines.add(prefix + "mode: " + record.mode().name().toLowerCase(Locale.ROOT));
        record.parameters().forEach((name, value) -> lines.add(prefix + "key." + name + ": " + value));
    }

    byte[] toBytes() {
        var lines = new ArrayList<String>(
                new String(sealedPart(), StandardCharsets.US_ASCII).lines().toList());
        lines.add("seal: " + base64(seal));
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
            var metadata = new Metadata(
                    field(fields, "store-id"),
                    record(fields, ""),
                    bytes(fields, "key-check"),
                    REQUIRED.equals(fields.get(RECORDS)),
                    fields.containsKey(NEXT + "provider")
                            ? Optional.of(new Next(
                                    record(fields, NEXT),
                                    bytes(fields, NEXT + "key-check"),
                                    bytes(fields, NEXT + "sealed-key")))
                            : Optional.empty(),
                    fields.containsKey(OLD + "provider") ? Optional.of(record(fields, OLD)) : Optional.empty(),
                    bytes(fields, "seal"));
            if (!metadata.storeId.matches("[0-9a-f]{32}")) {
                throw damaged("store-id is not 32 hexadecimal digits");
            }
            if (!Arrays.equals(metadata.toBytes(), file)) {
                throw damaged("it has lines that do not belong there");
            }
            return metadata;
        } catch (IllegalArgumentException e) {
            throw damaged("a field has no valid value");
        }
    }

    private static KeyRecord record(Map<String, String> fields, String prefix) {
        String parameter = prefix + "key.";
        var parameters = new TreeMap<String, String>();
        fields.forEach((key, value) -> {
            if (key.startsWith(parameter)) {
                parameters.put(key.substring(parameter.length()), value);
            }
        });
        return new KeyRecord(
                field(fields, prefix + "provider"),
                KeyMode.valueOf(field(fields, prefix + "mode").toUpperCase(Locale.ROOT)),
                parameters);
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

    private static byte[] bytes(Map<String, String> fields, String key) {
        return Base64.getDecoder().decode(field(fields, key));
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
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
