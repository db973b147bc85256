package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 7512, read strictly. */
class Pkcs11UriTest {
    @Test
    void attributesAreDecoded() {
        var uri = Pkcs11Uri.parse(
                "pkcs11:token=My%20Token;object=cl%C3%A9;id=%01%FF?module-path=/a%2fb.so&pin-source=file:/p");
        assertEquals(Optional.of("My Token"), uri.get("token"));
        assertEquals(Optional.of("clé"), uri.get("object"));
        assertEquals(Optional.of("01ff"), uri.id());
        assertEquals(Optional.of("/a/b.so"), uri.get("module-path"));
        assertEquals(Optional.empty(), uri.get("serial"));
    }

    @Test
    void theSchemeIsCaseInsensitive() {
        assertEquals(Optional.of("x"), Pkcs11Uri.parse("PKCS11:token=x").get("token"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "pkcs11",
                "http://host",
                "pkcs11:token",
                "pkcs11:token=a;token=b",
                "pkcs11:tok%65n=a",
                "pkcs11:token=a b",
                "pkcs11:token=%zz",
                "pkcs11:token=%4",
                "pkcs11:token=%",
                "pkcs11:token=%C3",
                "pkcs11:token=%0A",
                "pkcs11:token=%00",
                "pkcs11:token=",
                "pkcs11:token=a;",
                "pkcs11:unknown=a",
                "pkcs11:token=a?unknown=b",
                "pkcs11:token=a?module-path=/x&module-path=/y",
                "pkcs11:slot-id=-1",
                "pkcs11:slot-id=x",
                "pkcs11:type=private",
                "pkcs11:slot-manufacturer=x",
                "pkcs11:token=a?x-mode=fast",
                "pkcs11:token=a?pin-source=file:/x?y&"
            })
    void whatCanNotBeHonouredIsAnError(String text) {
        var failure = assertThrows(MemGuardException.class, () -> Pkcs11Uri.parse(text));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
        assertTrue(failure.getMessage().contains("RFC 7512"), failure.getMessage());
    }

    @Test
    void aPinInTheUriIsRefusedWithoutRepeatingIt() {
        var failure = assertThrows(MemGuardException.class, () -> Pkcs11Uri.parse("pkcs11:token=a?pin-value=4711"));
        assertEquals(ErrorCode.SECURITY_ERROR, failure.code());
        assertFalse(failure.getMessage().contains("4711"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"|cmd", "relative", "http://host/pin", "file:relative"})
    void aPinSourceIsAnAbsoluteFile(String source) {
        var uri = Pkcs11Uri.parse("pkcs11:token=a?module-path=/x&pin-source=" + source.replace("|", "%7C"));
        var failure = assertThrows(MemGuardException.class, () -> Pkcs11Keys.pinSource(uri));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
    }

    @Test
    void anyTextIsReadOrRefused() {
        long seed = Secrets.seed();
        var random = new Random(seed);
        String alphabet = "pkcs11:token=object?&;%0Af3/module-path=x-mode=direct|\u00e9\n ";
        for (int i = 0; i < 50_000; i++) {
            var text = new StringBuilder(random.nextBoolean() ? "pkcs11:" : "");
            for (int length = random.nextInt(40); length > 0; length--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            try {
                Pkcs11Uri.parse(text.toString()).get("token");
            } catch (MemGuardException e) {
                assertNotNull(e.code());
            }
        }
    }
}
