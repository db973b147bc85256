/** The software keystore: a passphrase, Argon2id, and a BCFKS container that holds the wrapped store key. */
package io.memguard.keys.software;
