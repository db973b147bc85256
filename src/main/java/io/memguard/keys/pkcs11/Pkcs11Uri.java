package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A PKCS #11 URI (RFC 7512). What its grammar allows is taken, and what it says is honoured when it is used: an attribute of
 * the path that this library does not know fits no token, one of the query is left out with a warning. A repeated attribute,
 * a bad escape or a control character is an error, not a guess. Immutable.
 *
 * <p>Beyond the RFC, the query takes {@code x-mode=direct|envelope} and {@code x-allow-exportable=LABEL}; other names that
 * begin with {@code x-} are errors, since leaving one out could lower security.
 */
public final class Pkcs11Uri {
    /** What {@code type=} says of the key of a store. */
    static final String KEY = "secret-key";

    /** What {@code type=} says of records. */
    static final String DATA = "data";

    private static final System.Logger LOG = System.getLogger(Pkcs11Uri.class.getName());
    private static final String SCHEME = "pkcs11:";
    private static final int MAX_LENGTH = 4096;
    private static final String UNRESERVED = "-._~";
    private static final String IN_PATH = ":[]@!$'()*+,=&";
    private static final String IN_QUERY = ":[]@!$'()*+,=/?|";
    private static final String OURS = "x-";

    private static final Set<String> PATH = Set.of(
            "token",
            "manufacturer",
            "serial",
            "model",
            "library-manufacturer",
            "library-version",
            "library-description",
            "object",
            "type",
            "id",
            "slot-manufacturer",
            "slot-description",
            "slot-id");
    private static final Set<String> QUERY =
            Set.of("pin-source", "module-name", "module-path", "x-mode", "x-allow-exportable");

    /** What may be empty: a token without a serial number has an empty one. */
    private static final Set<String> MAY_BE_EMPTY = Set.of(
            "token",
            "manufacturer",
            "serial",
            "model",
            "library-manufacturer",
            "library-description",
            "object",
            "id",
            "slot-manufacturer",
            "slot-description");

    private static final Pattern VENDOR = Pattern.compile("[A-Za-z0-9_-]+");

    private static final Map<String, Pattern> FORMS = Map.of(
            "type", Pattern.compile("public|private|cert|secret-key|data"),
            "slot-id", Pattern.compile("[0-9]{1,18}"),
            "library-version", Pattern.compile("[0-9]{1,3}([.][0-9]{1,3})?"),
            "x-mode", Pattern.compile("direct|envelope"));

    private final Map<String, byte[]> attributes;
    private final Set<String> unknown;
    private final Set<String> ignored;

    private Pkcs11Uri(Map<String, byte[]> attributes, Set<String> unknown, Set<String> ignored) {
        this.attributes = attributes;
        this.unknown = unknown;
        this.ignored = ignored;
    }

    /**
     * Reads a URI.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where it is none;
     *     {@link ErrorCode#SECURITY_ERROR} where it holds a PIN ({@code pin-value}), which would be on the heap by now
     */
    public static Pkcs11Uri parse(String text) {
        if (!text.regionMatches(true, 0, SCHEME, 0, SCHEME.length()) || text.length() > MAX_LENGTH) {
            throw bad("it begins with 'pkcs11:' and has at most " + MAX_LENGTH + " characters");
        }
        String rest = text.substring(SCHEME.length());
        int question = rest.indexOf('?');
        var path = new TreeMap<String, byte[]>();
        read(question < 0 ? rest : rest.substring(0, question), ';', IN_PATH, path);
        var query = new TreeMap<String, byte[]>();
        if (question >= 0) {
            read(rest.substring(question + 1), '&', IN_QUERY, query);
        }
        return of(path, query);
    }

    private static Pkcs11Uri of(Map<String, byte[]> path, Map<String, byte[]> query) {
        var known = new TreeMap<String, byte[]>();
        var unknown = new TreeSet<String>();
        var ignored = new TreeSet<String>();
        path.forEach((name, value) -> {
            if (PATH.contains(name)) {
                known.put(name, value);
            } else {
                unknown.add(name);
            }
        });
        query.forEach((name, value) -> {
            if (QUERY.contains(name)) {
                known.put(name, value);
            } else if (name.startsWith(OURS)) {
                throw bad("there is no attribute of that name here: " + name);
            } else {
                ignored.add(name);
            }
        });
        var uri = new Pkcs11Uri(known, unknown, ignored);
        uri.check();
        return uri;
    }

    /**
     * To be asked before it is used.
     *
     * @param type what {@code type=} may say
     * @return this
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where nothing of that type can fit
     */
    Pkcs11Uri requireFits(String type) {
        if (!get("type").orElse(type).equals(type)) {
            throw bad("'type' must be " + type + " here, or be left out");
        }
        if (!unknown.isEmpty()) {
            throw bad("'" + unknown.iterator().next() + "' is not known here, so that no token fits; leave it out");
        }
        for (String name : List.of("object", "id")) {
            if (isEmpty(name)) {
                throw bad("'" + name + "' is empty");
            }
        }
        if (!ignored.isEmpty()) {
            LOG.log(System.Logger.Level.WARNING, "not known in a PKCS #11 URI, and left out: {0}", ignored);
        }
        return this;
    }

    private boolean isEmpty(String name) {
        byte[] value = attributes.get(name);
        return value != null && value.length == 0;
    }

    /** Whether it says nothing of an attribute, or just this. */
    boolean fits(String name, byte[] value) {
        byte[] wanted = attributes.get(name);
        return wanted == null || Arrays.equals(wanted, value);
    }

    /** Whether any of these is said. */
    boolean says(String... names) {
        return Stream.of(names).anyMatch(attributes::containsKey);
    }

    /** The text of an attribute, decoded. */
    Optional<String> get(String name) {
        return Optional.ofNullable(attributes.get(name)).map(bytes -> utf8(name, bytes));
    }

    /**
     * The library that it names; nothing where it names none.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where there is no library of that name
     */
    public Optional<Path> module() {
        return says("module-path", "module-name") ? Optional.of(ModulePath.of(this)) : Optional.empty();
    }

    /** The CKA_ID, in lower-case hexadecimal. */
    Optional<String> id() {
        return Optional.ofNullable(attributes.get("id")).map(HexFormat.of()::formatHex);
    }

    private void check() {
        attributes.forEach((name, value) -> {
            if (!name.equals("id")) {
                utf8(name, value);
            }
            if (value.length == 0 && !MAY_BE_EMPTY.contains(name)) {
                throw bad("'" + name + "' is empty");
            }
        });
        FORMS.forEach((name, form) -> {
            if (get(name).filter(text -> !form.matcher(text).matches()).isPresent()) {
                throw bad("'" + name + "' has another form: " + form);
            }
        });
    }

    private static void read(String part, char separator, String allowed, Map<String, byte[]> attributes) {
        if (part.isEmpty()) {
            return;
        }
        int from = 0;
        while (from <= part.length()) {
            int end = part.indexOf(separator, from);
            end = end < 0 ? part.length() : end;
            String attribute = part.substring(from, end);
            int equals = attribute.indexOf('=');
            if (equals < 0) {
                throw bad("an attribute has the form name=value");
            }
            String name = attribute.substring(0, equals);
            if (name.equals("pin-value")) {
                throw new MemGuardException(
                        ErrorCode.SECURITY_ERROR,
                        "a PIN in the URI (pin-value) is seen by everybody; use pin-source=file:/path");
            }
            if (!VENDOR.matcher(name).matches()) {
                throw bad("there is no attribute of that name: " + printable(name));
            }
            boolean repeatable = separator == '&' && !QUERY.contains(name); // A vendor's, by the RFC.
            if (attributes.put(name, decode(attribute.substring(equals + 1), allowed)) != null && !repeatable) {
                throw bad("'" + name + "' is there twice");
            }
            from = end + 1;
        }
    }

    private static byte[] decode(String value, String allowed) {
        var out = new ByteArrayOutputStream(value.length());
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '%') {
                if (i + 2 >= value.length()
                        || !HexFormat.isHexDigit(value.charAt(i + 1))
                        || !HexFormat.isHexDigit(value.charAt(i + 2))) {
                    throw bad("'%' is followed by two hexadecimal digits");
                }
                out.write(HexFormat.fromHexDigits(value, i + 1, i + 3));
                i += 2;
            } else if (isAlphanumeric(c) || UNRESERVED.indexOf(c) >= 0 || allowed.indexOf(c) >= 0) {
                out.write(c);
            } else {
                throw bad("a character must be written as %" + String.format(Locale.ROOT, "%02X", (int) c));
            }
        }
        return out.toByteArray();
    }

    private static String utf8(String name, byte[] bytes) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            if (text.codePoints().noneMatch(Character::isISOControl)) {
                return text;
            }
        } catch (CharacterCodingException e) {
            // Told below.
        }
        throw bad("'" + name + "' is not text");
    }

    private static String printable(String name) {
        return name.replaceAll("[^a-z0-9-]", "?");
    }

    private static boolean isAlphanumeric(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    }

    private static MemGuardException bad(String why) {
        return new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS,
                "this is no PKCS #11 URI that can be used (RFC 7512,"
                        + " pkcs11:token=LABEL;object=KEY?module-path=FILE&pin-source=file:FILE): " + why);
    }
}
