package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.util.List;
import java.util.ServiceLoader;
import java.util.TreeSet;

/** Finds and combines providers. */
public final class KeyProviders {
    private KeyProviders() {}

    /**
     * For a new store the first provider that can make its key, in the given order (HSM, TPM, software), with a log line
     * that says why those before could not. An existing store opens with a provider of the kind that made it, or fails.
     */
    public static KeyProvider firstOf(KeyProvider... candidates) {
        if (candidates.length == 0) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "firstOf takes at least one provider");
        }
        return new FirstAvailableKeyProvider(List.of(candidates));
    }

    /**
     * A user's own provider, registered as a {@link ServiceLoader} service, by its {@link KeyProvider#type()}; a new
     * instance each time, which the caller closes.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where there is none, or one that can't be made
     */
    public static KeyProvider byType(String type) {
        var seen = new TreeSet<String>();
        try {
            for (KeyProvider provider : ServiceLoader.load(KeyProvider.class)) {
                if (provider.type().equals(type)) {
                    return provider;
                }
                seen.add(provider.type());
                provider.close();
            }
        } catch (java.util.ServiceConfigurationError e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "a registered key provider can't be made: " + e.getMessage(), e);
        }
        throw new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS,
                "there is no key provider '" + type + "': built in are 'software', 'pkcs11:…' and 'sunpkcs11:FILE'; "
                        + (seen.isEmpty()
                                ? "none is registered as a service"
                                : "registered are " + String.join(", ", seen)));
    }
}
