package io.memguard.jca;

import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.Provider;
import java.security.Security;

/**
 * Finds the provider that takes a key that is not ours. Engines such as Mac and Cipher can be bound to the first provider before
 * they see a key, for instance when they are asked for a length; ours hand such a key on.
 */
final class OtherProviders {
    private OtherProviders() {}

    /** Makes an engine of another provider, and initializes it. */
    @FunctionalInterface
    interface Attempt<T> {
        T with(Provider provider) throws GeneralSecurityException;
    }

    /** The first provider's that takes the key. */
    static <T> T first(String service, Key key, Attempt<T> attempt)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        InvalidKeyException refused = null;
        InvalidAlgorithmParameterException unfit = null;
        Provider[] providers = Security.getProviders(service);
        for (Provider provider : providers == null ? new Provider[0] : providers) {
            if (provider.getName().equals(MemGuardProvider.NAME)) {
                continue;
            }
            try {
                return attempt.with(provider);
            } catch (InvalidKeyException e) {
                refused = refused == null ? e : refused;
            } catch (InvalidAlgorithmParameterException e) {
                unfit = unfit == null ? e : unfit;
            } catch (GeneralSecurityException e) {
                refused = refused == null ? new InvalidKeyException(e.getMessage(), e) : refused;
            }
        }
        if (unfit != null) {
            throw unfit;
        }
        throw refused != null
                ? refused
                : new InvalidKeyException("no provider takes this key; ask ProtectedKeys for one that MemGuard takes");
    }
}
