package io.memguard.migration;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * The keys of a PKCS #12 file: a secret key or a password ({@code keytool -importpass}) as its bytes, a private key as
 * PKCS #8 (DER). Certificates are not secret and stay where they are.
 */
public final class Pkcs12Entries {
    private final KeyStore keys;
    private final SecretBuffer password;
    private final List<Entry> entries = new ArrayList<>();
    private final int others;

    private Pkcs12Entries(KeyStore keys, SecretBuffer password) throws GeneralSecurityException {
        this.keys = keys;
        this.password = password;
        List<String> aliases = Collections.list(keys.aliases());
        for (String alias : aliases) {
            if (keys.isKeyEntry(alias)) {
                entries.add(new KeyEntry(alias));
            }
        }
        others = aliases.size() - entries.size();
    }

    /**
     * Opens a file.
     *
     * @param password of the file and of its keys; stays the caller's, and open as long as this is used
     * @throws MemGuardException KEY_INVALID where the password is wrong or the file damaged
     */
    public static Pkcs12Entries read(byte[] file, SecretBuffer password) {
        try {
            var keys = KeyStore.getInstance("PKCS12");
            load(keys, file, password);
            return new Pkcs12Entries(keys, password);
        } catch (GeneralSecurityException | IOException e) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID, "the password is wrong, or the file is no PKCS #12 keystore, or damaged", e);
        }
    }

    private static void load(KeyStore keys, byte[] file, SecretBuffer password)
            throws GeneralSecurityException, IOException {
        char[] characters = Passwords.of(password);
        try {
            keys.load(new ByteArrayInputStream(file), characters);
        } finally {
            Arrays.fill(characters, '\0');
        }
    }

    /** The keys. */
    public List<Entry> entries() {
        return List.copyOf(entries);
    }

    /** How many entries are certificates only. */
    public int others() {
        return others;
    }

    private final class KeyEntry implements Entry {
        private final String alias;

        KeyEntry(String alias) {
            this.alias = alias;
        }

        @Override
        public String name() {
            return alias;
        }

        @Override
        public byte[] value() {
            char[] characters = Passwords.of(password);
            try {
                return keys.getKey(alias, characters)
                        .getEncoded(); // A copy; the key's own array is garbage that nobody can wipe.
            } catch (GeneralSecurityException e) {
                throw new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "a key of the file has another password than the file; give it the same (keytool -keypasswd)",
                        e);
            } finally {
                Arrays.fill(characters, '\0');
            }
        }
    }
}
