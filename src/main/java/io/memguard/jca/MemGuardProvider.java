package io.memguard.jca;

import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.Serial;
import java.security.Provider;
import java.security.Security;

/**
 * A JCA provider for the keys of {@link ProtectedKeys}, which other providers can't use. It takes no other keys: with those,
 * everything goes on as before, wherever in the list of providers it is.
 */
public final class MemGuardProvider extends Provider {
    /** What it is called in the list of providers. */
    public static final String NAME = "MemGuard";

    @Serial
    private static final long serialVersionUID = 1L;

    /** One to be passed to {@code getInstance}, or to be installed. */
    public MemGuardProvider() {
        super(NAME, "0.1", "Keys that are used without being on the heap, or anywhere in plain memory");
        AsymmetricServices.rows().forEach(row -> putService(row.of(this)));
        SymmetricServices.rows().forEach(row -> putService(row.of(this)));
    }

    /**
     * Puts one at the head of this JVM's list of providers, where libraries find it also if they decide for a provider before
     * they show the key. Idempotent.
     */
    public static synchronized void install() {
        if (!(Security.getProvider(NAME) instanceof MemGuardProvider)) {
            Security.removeProvider(NAME); // Of another class loader.
            Security.insertProviderAt(new MemGuardProvider(), 1);
        }
    }

    @Serial
    private void readObject(ObjectInputStream in) throws InvalidObjectException {
        throw new InvalidObjectException("make a new one");
    }
}
