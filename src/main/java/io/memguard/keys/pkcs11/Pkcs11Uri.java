package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A PKCS #11 URI (RFC 7512), read strictly: an unknown or a repeated path attribute, a bad escape or a control character
 * is an error, not a guess. Unknown query attributes are errors, too, since ignoring one could lower security. Immutable.
 *
 * <p>Beyond the RFC, the query takes {@code x-mode=direct|envelope} and {@code x-allow-exportable=LABEL}.
 */
public final class Pkcs11Uri {
    private static final String SCHEME = "pkcs11:";
    private static final int MAX_LENGTH = 4096;
    private static final String UNRESERVED = "-._~";
    private static final String IN_PATH = ":[]@!$'()*+,=&";
    private static final String IN_QUERY = ":[]@!$'()*+,=/?|";

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
    private static final Set<String> UNSUPPORTED = Set.of(
            "library-manufacturer", "library-version", "library-description", "slot-manufacturer", "slot-description");

    private final Map<String, byte[]> attributes;

    private Pkcs11Uri(Map<String, byte[]> attributes) {
        this.attributes = attributes;
    }

    /**
     * Reads a URI.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where it is none, or says what can't be honoured;
     *     {@link ErrorCode#SECURITY_ERROR} where it holds a PIN ({@code pin-value}), which would be on the heap by now
     */
    public static Pkcs11Uri parse(String text) {
        if (!text.regionMatches(true, 0, SCHEME, 0, SCHEME.length()) || text.length() > MAX_LENGTH) {
            throw bad("it begins with 'pkcs11:' and has at most " + MAX_LENGTH + " characters");
        }
        String rest = text.substring(SCHEME.length());
        int question = rest.indexOf('?');
        var attributes = new TreeMap<String, byte[]>();
        read(question < 0 ? rest : rest.substring(0, question), ';', PATH, IN_PATH, attributes);
        if (question >= 0) {
            read(rest.substring(question + 1), '&', QUERY, IN_QUERY, attributes);
        }
        var uri = new Pkcs11Uri(attributes);
        uri.check();
        return uri;
    }

    /** The text of an attribute, decoded. */
    Optional<String> get(String name) {
        return Optional.ofNullable(attributes.get(name)).map(bytes -> utf8(name, bytes));
    }

    /** The CKA_ID, in lower-case hexadecimal. */
    Optional<String> id() {
        return Optional.ofNullable(attributes.get("id")).map(HexFormat.of()::formatHex);
    }

    private void check() {
        attributes.forEach((name, value) -> {
            if (UNSUPPORTED.contains(name)) {
                throw bad("'" + name + "' is not supported; name the token by token= or serial=");
            }
            if (!name.equals("id")) {
                utf8(name, value);
            }
            if (value.length == 0) {
                throw bad("'" + name + "' is empty");
            }
        });
        if (!get("type").orElse("secret-key").equals("secret-key")) {
            throw bad("'type' must be secret-key");
        }
        if (!get("slot-id").orElse("0").matches("[0-9]{1,18}")) {
            throw bad("'slot-id' is a number");
        }
        if (!get("x-mode").orElse("direct").matches("direct|envelope")) {
            throw bad("'x-mode' is direct or envelope");
        }
    }

    private static void read(
            String part, char separator, Set<String> known, String allowed, Map<String, byte[]> attributes) {
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
            if (!known.contains(name)) {
                throw bad("there is no attribute of that name here: " + printable(name));
            }
            if (attributes.putIfAbsent(name, decode(attribute.substring(equals + 1), allowed)) != null) {
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
