package io.memguard.store.keyring;

import static io.memguard.store.keyring.Metadata.damaged;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
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

/** The metadata as lines of {@code key: value} in ASCII; docs/FORMAT.md. */
final class MetadataText {
    private static final String FIRST_LINE = "memguard-store: " + Metadata.FORMAT;
    private static final String NEXT = "next-";
    private static final String OLD = "old-";
    private static final String UNFINISHED = "unfinished-";
    private static final String FOLDER = "folder";
    private static final String RECORDS = "rollback-records";
    private static final String REQUIRED = "required";
    private static final String ABANDONED = NEXT + "abandoned";
    private static final String REMOVING = "removing";
    private static final String YES = "yes";
    private static final String NOWHERE = "-";
    private static final String FOLDER_PATTERN = "[0-9a-f]{32}";

    private MetadataText() {}

    static byte[] sealedPart(Metadata metadata) {
        return text(lines(metadata));
    }

    static byte[] toBytes(Metadata metadata) {
        var lines = lines(metadata);
        lines.add("seal: " + base64(metadata.seal()));
        return text(lines);
    }

    private static List<String> lines(Metadata metadata) {
        var lines = new ArrayList<String>();
        lines.add(FIRST_LINE);
        lines.add("store-id: " + metadata.storeId());
        add(lines, "", metadata.key());
        lines.add("key-check: " + base64(metadata.keyCheck()));
        if (metadata.recorded()) {
            lines.add(RECORDS + ": " + REQUIRED);
        }
        metadata.next().ifPresent(other -> {
            add(lines, NEXT, other.key());
            lines.add(NEXT + "key-check: " + base64(other.keyCheck()));
            lines.add(NEXT + "sealed-key: " + base64(other.wrappedKey()));
            if (other.abandoned()) {
                lines.add(ABANDONED + ": " + YES);
            }
        });
        for (int i = 0; i < metadata.old().size(); i++) {
            add(lines, old(i), metadata.old().get(i));
        }
        for (var intention : metadata.unfinished()) {
            lines.add(UNFINISHED + intention.nonce() + ": " + intention.provider() + " " + intention.folder() + " "
                    + (intention.place().isEmpty() ? NOWHERE : intention.place()));
        }
        if (metadata.removing()) {
            lines.add(REMOVING + ": " + YES);
        }
        return lines;
    }

    private static String old(int index) {
        return index == 0 ? OLD : OLD + (index + 1) + "-";
    }

    private static void add(List<String> lines, String prefix, OwnedKey key) {
        KeyDescriptor record = key.record();
        lines.add(prefix + "provider: " + record.provider());
        lines.add(prefix + "mode: " + record.mode().name().toLowerCase(Locale.ROOT));
        record.parameters().forEach((name, value) -> lines.add(prefix + "key." + name + ": " + value));
        if (!key.folder().isEmpty()) {
            lines.add(prefix + FOLDER + ": " + key.folder());
        }
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
            Metadata metadata = metadata(fields);
            if (!metadata.storeId().matches("[0-9a-f]{32}")) {
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

    private static Metadata metadata(Map<String, String> fields) {
        var old = new ArrayList<OwnedKey>();
        while (fields.containsKey(old(old.size()) + "provider")) {
            old.add(key(fields, old(old.size())));
        }
        return new Metadata(
                field(fields, "store-id"),
                key(fields, ""),
                bytes(fields, "key-check"),
                REQUIRED.equals(fields.get(RECORDS)),
                next(fields),
                old,
                unfinished(fields),
                YES.equals(fields.get(REMOVING)),
                bytes(fields, "seal"));
    }

    private static Optional<Metadata.Next> next(Map<String, String> fields) {
        return fields.containsKey(NEXT + "provider")
                ? Optional.of(new Metadata.Next(
                        key(fields, NEXT),
                        bytes(fields, NEXT + "key-check"),
                        bytes(fields, NEXT + "sealed-key"),
                        YES.equals(fields.get(ABANDONED))))
                : Optional.empty();
    }

    private static List<Metadata.Unfinished> unfinished(Map<String, String> fields) {
        var all = new ArrayList<Metadata.Unfinished>();
        fields.forEach((name, value) -> {
            if (name.matches(UNFINISHED + "[0-9a-f]{16}")) {
                if (!value.matches("[a-z0-9-]{1,64} " + FOLDER_PATTERN + " (-|[a-z0-9]{1,64})")) {
                    throw damaged(UNFINISHED + "… has no valid value");
                }
                String[] words = value.split(" ", -1);
                all.add(new Metadata.Unfinished(
                        words[0],
                        name.substring(UNFINISHED.length()),
                        words[1],
                        words[2].equals(NOWHERE) ? "" : words[2]));
            }
        });
        return all;
    }

    private static OwnedKey key(Map<String, String> fields, String prefix) {
        String parameter = prefix + "key.";
        var parameters = new TreeMap<String, String>();
        fields.forEach((key, value) -> {
            if (key.startsWith(parameter)) {
                parameters.put(key.substring(parameter.length()), value);
            }
        });
        var record = new KeyDescriptor(
                field(fields, prefix + "provider"),
                KeyMode.valueOf(field(fields, prefix + "mode").toUpperCase(Locale.ROOT)),
                parameters);
        String folder = fields.getOrDefault(prefix + FOLDER, "");
        if (!folder.isEmpty() && !folder.matches(FOLDER_PATTERN)) {
            throw damaged(prefix + FOLDER + " is not 32 hexadecimal digits");
        }
        return new OwnedKey(record, folder);
    }

    private static Map<String, String> fields(List<String> lines) {
        var fields = new LinkedHashMap<String, String>();
        for (String line : lines) {
            int colon = line.indexOf(": ");
            if (colon < 0 || fields.put(line.substring(0, colon), line.substring(colon + 2)) != null) {
                throw damaged("a line is not 'key: value', or is there twice");
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
}
