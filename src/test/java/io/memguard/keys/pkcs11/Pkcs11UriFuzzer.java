package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** A PKCS #11 URI: refused, or text without control characters in each attribute; its PIN source and module likewise. */
public final class Pkcs11UriFuzzer {
    private static final List<String> ATTRIBUTES = List.of(
            "token",
            "manufacturer",
            "serial",
            "model",
            "object",
            "type",
            "slot-id",
            "pin-source",
            "module-name",
            "module-path",
            "x-mode",
            "x-allow-exportable");

    private static final Set<String> MUST_SAY_SOMETHING =
            Set.of("type", "slot-id", "pin-source", "module-name", "module-path", "x-mode", "x-allow-exportable");

    private Pkcs11UriFuzzer() {}

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] input) {
        takes(input);
    }

    /** Whether it was taken for a URI. */
    public static boolean takes(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        try {
            var uri = Pkcs11Uri.parse(text);
            assertTrue(text.toLowerCase(Locale.ROOT).startsWith("pkcs11:"));
            for (String name : ATTRIBUTES) {
                uri.get(name).ifPresent(value -> {
                    assertTrue(value.codePoints().noneMatch(Character::isISOControl), name);
                    assertFalse(value.isEmpty() && MUST_SAY_SOMETHING.contains(name), name);
                });
            }
            uri.id().ifPresent(id -> assertTrue(id.matches("([0-9a-f]{2})*"), "id"));
            refusedOrTaken(() -> Pkcs11Keys.pinSource(uri));
            refusedOrTaken(() -> assertTrue(ModulePath.of(uri).isAbsolute()));
            return true;
        } catch (MemGuardException e) {
            requireExpected(e);
            return false;
        }
    }

    private static void refusedOrTaken(Runnable use) {
        try {
            use.run();
        } catch (MemGuardException e) {
            requireExpected(e);
        }
    }

    private static void requireExpected(MemGuardException e) {
        assertTrue(Set.of(ErrorCode.INVALID_ARGUMENTS, ErrorCode.SECURITY_ERROR).contains(e.code()), e.toString());
        assertTrue(String.valueOf(e.getMessage()).chars().noneMatch(Character::isISOControl), "one line");
    }
}
