package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.crypto.SecretKey;

/**
 * SunPKCS11 on a token that this package is logged in to already: the login is the process's, so no PIN passes through
 * {@code char[]}. One provider for each slot, kept, since SunPKCS11 can't be unloaded.
 */
final class SunPkcs11Bridge {
    private static final Map<String, Provider> PROVIDERS = new ConcurrentHashMap<>();

    private SunPkcs11Bridge() {}

    /**
     * Whether any SunPKCS11 lives in this process, ours or another's: its native half is loaded with the first one. Where
     * that can't be told, the answer is yes.
     */
    static boolean isLoaded() {
        try (var maps = Files.lines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1)) {
            return maps.anyMatch(line -> line.endsWith("/libj2pkcs11.so"));
        } catch (IOException | UncheckedIOException e) {
            return true;
        }
    }

    /** Not registered with {@link Security}: only callers that ask for it get it. */
    static Provider provider(Token token) {
        return PROVIDERS.computeIfAbsent(
                token.module().file() + " " + token.slot(), key -> configure(token, PROVIDERS.size()));
    }

    private static Provider configure(Token token, int number) {
        Provider sun = Security.getProvider("SunPKCS11");
        if (sun == null) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "this JDK has no SunPKCS11 (module jdk.crypto.cryptoki); use one that has");
        }
        token.module().share();
        String configuration =
                "--name=memguard" + number + "\nlibrary=\"" + token.module().file() + "\"\nslot=" + token.slot() + "\n";
        try {
            return sun.configure(configuration);
        } catch (RuntimeException e) { // ProviderException and InvalidParameterException have no closer parent.
            throw ReturnValues.keyInvalid("SunPKCS11 does not take " + token + ": " + e.getMessage(), e);
        }
    }

    /** The token's keys and certificates as a key store. */
    static KeyStore keyStore(Token token) {
        try {
            KeyStore keys = KeyStore.getInstance("PKCS11", provider(token));
            keys.load(null, null);
            return keys;
        } catch (GeneralSecurityException | IOException e) {
            throw ReturnValues.keyInvalid("SunPKCS11 can't open " + token + ": " + e.getMessage(), e);
        }
    }

    /** A handle of the key, not its bytes. */
    static SecretKey key(Token token, String label) {
        try {
            if (keyStore(token).getKey(label, null) instanceof SecretKey key) {
                return key;
            }
        } catch (GeneralSecurityException e) {
            throw ReturnValues.keyInvalid("SunPKCS11 can't use the key '" + label + "' of " + token, e);
        }
        throw ReturnValues.keyInvalid("SunPKCS11 finds no key '" + label + "' in " + token, null);
    }
}
