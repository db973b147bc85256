package io.memguard.keys;

import io.memguard.SecretBuffer;

/**
 * Where a passphrase or a PIN comes from. It is asked when the secret is needed, so that nothing is kept that can be read
 * again; the receiver closes what it gets.
 */
@FunctionalInterface
public interface SecretSource {
    /** Reads the secret straight into protected memory; the caller owns and closes the buffer. */
    SecretBuffer read();
}
