package io.memguard.keys;

import io.memguard.SecretBuffer;

/**
 * Where a passphrase or a PIN comes from. It is asked whenever the secret is needed, also while a store is open: when
 * its key was changed. What can be read only once is kept, see {@link SecretSources#kept}. The receiver closes what it gets.
 */
@FunctionalInterface
public interface SecretSource {
    /** Reads the secret straight into protected memory; the caller owns and closes the buffer. */
    SecretBuffer read();
}
