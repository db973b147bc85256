package io.memguard.keys.software;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSources;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import java.nio.file.Path;

/** A service whose class path is the test's: on a key in a token, or in a software keystore. */
final class OtherBouncyCastle {
    private OtherBouncyCastle() {}

    /** Arguments: the directory; for a token its URI and the file of its PIN. */
    public static void main(String[] arguments) {
        KeyProvider keys = arguments.length > 1
                ? Pkcs11Keys.uri(arguments[1], SecretSources.file(Path.of(arguments[2])))
                : SoftwareKeys.passphrase(() -> Secrets.text("correct horse")).cost(1, 8 << 20);
        try (var guard = MemGuard.at(Path.of(arguments[0])).keys(keys).open();
                var value = Secrets.text("value")) {
            guard.store("a", value);
            System.out.println("> " + guard.<String, RuntimeException>read("a", Secrets::text));
        } catch (MemGuardException e) {
            System.out.println("> " + e.code() + " " + e.getMessage());
        }
    }
}
