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

    @Test
    void anUriHasUpTo4096Characters() {
        for (int length : new int[] {4095, 4096}) {
            String token = "t".repeat(length - "pkcs11:token=".length());
            assertEquals(
                    Optional.of(token), Pkcs11Uri.parse("pkcs11:token=" + token).get("token"));
        }
        String longer = "pkcs11:token=" + "t".repeat(4097 - "pkcs11:token=".length());
        var refused = assertThrows(MemGuardException.class, () -> Pkcs11Uri.parse(longer));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code());
        assertTrue(String.valueOf(refused.getMessage()).contains("at most 4096 characters"), refused.getMessage());
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
                "pkcs11:token=a;",
                "pkcs11:token=a?module-path=/x&module-path=/y",
                "pkcs11:slot-id=-1",
                "pkcs11:slot-id=x",
                "pkcs11:slot-id=",
                "pkcs11:type=",
                "pkcs11:type=secret",
                "pkcs11:library-version=1.",
                "pkcs11:library-version=one",
                "pkcs11:vendor.a=b",
                "pkcs11:vendor-a=b;vendor-a=c",
                "pkcs11:vendor-a=%zz",
                "pkcs11:token=a?x-unknown=b",
                "pkcs11:token=a?pin-source=",
                "pkcs11:token=a?module-path=",
                "pkcs11:token=a?x-mode=fast",
                "pkcs11:token=a?pin-source=file:/x?y&"
            })
    void whatCanNotBeHonouredIsAnError(String text) {
        var failure = assertThrows(MemGuardException.class, () -> Pkcs11Uri.parse(text));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
        assertTrue(failure.getMessage().contains("RFC 7512"), failure.getMessage());
    }

    /** Section 3 of the RFC, but for the one that holds a PIN. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "pkcs11:",
                "pkcs11:object=my-pubkey;type=public",
                "pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
                "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
                        + "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial="
                        + "?pin-source=file:/etc/token_pin",
                "pkcs11:object=my-sign-key;type=private?module-name=mypkcs11",
                "pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1",
                "pkcs11:slot-description=Sun%20Metaslot",
                "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;"
                        + "library-version=1.23",
                "pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06",
                "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert",
                "pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert",
                "pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a"
                        + "?pin-source=file:/etc/token_pin&vendor-bbb=value-b",
                "pkcs11:token=a?vendor-a=b&vendor-a=c",
                "pkcs11:token=;manufacturer=;model=;object=;id="
            })
    void whatTheRfcAllowsIsTaken(String text) {
        assertNotNull(Pkcs11Uri.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "pkcs11:object=a;type=private",
                "pkcs11:object=a;type=data",
                "pkcs11:object=a;vendor-a=b",
                "pkcs11:object=",
                "pkcs11:id="
            })
    void whatCanFitNoKeyIsRefusedBeforeAnyTokenIsAsked(String text) {
        var failure = assertThrows(MemGuardException.class, () -> Pkcs11Keys.uri(text, () -> Secrets.text("1234")));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
    }

    @Test
    void recordsAreDataAndKeysAreSecretKeys() {
        assertNotNull(Pkcs11Records.uri("pkcs11:token=a;type=data", () -> Secrets.text("1234")));
        assertNotNull(Pkcs11Keys.uri("pkcs11:token=a;type=secret-key", () -> Secrets.text("1234")));
        assertThrows(
                MemGuardException.class,
                () -> Pkcs11Records.uri("pkcs11:token=a;type=secret-key", () -> Secrets.text("1234")));
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
