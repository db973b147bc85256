package io.memguard.cli;

import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyProviders;
import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.pkcs11.Pkcs11Uri;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.UserFile;
import java.util.List;
import java.util.function.Function;

/** Makes a provider out of what {@code --keys} says. */
final class Keys {
    private static final String SOFTWARE_FILE = SoftwareKeys.TYPE + ":";
    private static final String PKCS11 = Pkcs11Keys.TYPE + ":";
    private static final String SUN = "sunpkcs11:";

    private final SecretInput passphrase;
    private final SecretInput pin;
    private final boolean mayBeNew;
    private final boolean atOnce;

    /** @param mayBeNew whether a new passphrase is chosen, which is asked for twice */
    Keys(SecretInput passphrase, SecretInput pin, boolean mayBeNew) {
        this(passphrase, pin, mayBeNew, false);
    }

    private Keys(SecretInput passphrase, SecretInput pin, boolean mayBeNew, boolean atOnce) {
        this.passphrase = passphrase;
        this.pin = pin;
        this.mayBeNew = mayBeNew;
        this.atOnce = atOnce;
    }

    /** Asks on the terminal when a provider is made, not when it needs the answer. */
    Keys asking() {
        return new Keys(passphrase, pin, mayBeNew, true);
    }

    /** The first that works, where there are several. */
    KeyProvider of(List<String> texts) {
        return texts.size() == 1
                ? of(texts.getFirst())
                : KeyProviders.firstOf(texts.stream().map(this::of).toArray(KeyProvider[]::new));
    }

    private KeyProvider of(String text) {
        if (text.equals(SoftwareKeys.TYPE)) {
            return SoftwareKeys.passphrase(passphrase());
        }
        if (text.startsWith(SOFTWARE_FILE)) {
            return SoftwareKeys.passphrase(passphrase())
                    .container(UserFile.path(text.substring(SOFTWARE_FILE.length())));
        }
        if (text.startsWith(PKCS11)) {
            return Pkcs11Keys.uri(text, pin(text));
        }
        if (text.startsWith(SUN)) {
            String[] parts = text.substring(SUN.length()).split("#", 2);
            String label = parts.length == 2 ? parts[1] : Pkcs11Keys.DEFAULT_LABEL;
            return Pkcs11Keys.configuration(
                    UserFile.path(parts[0]), label, pin.source().orElseGet(this::terminalPin));
        }
        return KeyProviders.byType(text);
    }

    static boolean isPkcs11(String text) {
        return text.startsWith(PKCS11);
    }

    /** The PIN of the token that a URI names. */
    SecretSource pin(String uri) {
        return pin.source().or(() -> Pkcs11Keys.pinSource(Pkcs11Uri.parse(uri))).orElseGet(this::terminalPin);
    }

    private SecretSource passphrase() {
        return passphrase
                .source()
                .orElseGet(() -> mayBeNew
                        ? asked(passphrase, "new passphrase", SecretSources::terminalTwice)
                        : asked(passphrase, "passphrase", SecretSources::terminal));
    }

    private SecretSource terminalPin() {
        return asked(pin, "PIN", SecretSources::terminal);
    }

    private SecretSource asked(SecretInput input, String what, Function<String, SecretSource> source) {
        var asked = input.asked(what, source);
        if (atOnce) {
            asked.read().close(); // It is kept, see AskedOnce.
        }
        return asked;
    }
}
