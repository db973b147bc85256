package io.memguard.migration;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.store.SecretName;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The keys of a PKCS #12 file, each by its own name (friendlyName): a secret key or a password ({@code keytool -importpass})
 * as its bytes, a private key as PKCS #8 (DER). A key without a name gets a number, as keytool shows it. Certificates and
 * revocation lists are not secret and stay where they are.
 */
public final class Pkcs12Entries {
    private final SecretBuffer password;
    private final List<Entry> entries = new ArrayList<>();
    private final int certificates;
    private final int revocations;

    private Pkcs12Entries(Pkcs12Bags bags, SecretBuffer password) {
        this.password = password;
        certificates = bags.certificates();
        revocations = bags.revocations();
        Map<String, Integer> numbers = new HashMap<>();
        int number = 0;
        for (Pkcs12Bags.Key key : bags.keys()) {
            number++;
            String name = key.name();
            if (name != null && !name.isEmpty()) {
                requireOnce(numbers.put(name, number), number);
            }
        }
        number = 0;
        int unnamed = 0;
        for (Pkcs12Bags.Key key : bags.keys()) {
            number++;
            String name = key.name();
            while (name == null || name.isEmpty()) {
                String next = Integer.toString(++unnamed);
                name = numbers.putIfAbsent(next, number) == null ? next : null;
            }
            requireName(name, number);
            entries.add(new KeyEntry(key, name, number));
        }
    }

    /**
     * Opens a file.
     *
     * @param password of the file and of its keys; stays the caller's, and open as long as this is used
     * @throws MemGuardException KEY_INVALID where the password is wrong or the file damaged; INVALID_ARGUMENTS where it has
     *     what can't be taken, such as two keys of one name
     */
    public static Pkcs12Entries read(byte[] file, SecretBuffer password) {
        char[] characters = Passwords.of(password);
        try {
            requireAuthentic(file, characters);
            return new Pkcs12Entries(Pkcs12Bags.read(file, characters), password);
        } catch (IOException | GeneralSecurityException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "the password is right, but not all of the file can be taken, so nothing was: " + reason(e),
                    e);
        } catch (NoClassDefFoundError e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "PKCS #12 files are read with Bouncy Castle (bcprov-jdk18on), which is not on the module path or class path",
                    e);
        } finally {
            Arrays.fill(characters, '\0');
        }
    }

    /** By JCA: whether password and file belong together. */
    private static void requireAuthentic(byte[] file, char[] password) {
        try {
            KeyStore.getInstance("PKCS12").load(new ByteArrayInputStream(file), password);
        } catch (GeneralSecurityException | IOException e) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the password is wrong, or the file is no PKCS #12 keystore, or damaged, or protected in a way that this"
                            + " Java can't read",
                    e);
        }
    }

    private static String reason(Exception failure) {
        return failure instanceof IOException
                ? String.valueOf(failure.getMessage())
                : "a part of it is encrypted in a way that this Java can't read, or under another password";
    }

    private static void requireOnce(@Nullable Integer before, int number) {
        if (before != null) {
            throw Text.invalid("keys number " + before + " and " + number
                    + " of the file have the same name (friendlyName); nothing was imported: put one of them into a file of"
                    + " its own, under another name");
        }
    }

    private static void requireName(String name, int number) {
        try {
            SecretName.of(name);
        } catch (MemGuardException e) {
            throw new MemGuardException(e.code(), "key number " + number + ": " + e.getMessage(), e);
        }
    }

    /** The keys, in the file's order. */
    public List<Entry> entries() {
        return List.copyOf(entries);
    }

    /** How many certificates there are: trusted ones and those of keys. */
    public int certificates() {
        return certificates;
    }

    /** How many revocation lists there are. */
    public int revocations() {
        return revocations;
    }

    private final class KeyEntry implements Entry {
        private final Pkcs12Bags.Key key;
        private final String name;
        private final int number;

        KeyEntry(Pkcs12Bags.Key key, String name, int number) {
            this.key = key;
            this.name = name;
            this.number = number;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public String place() {
            return "key number " + number;
        }

        @Override
        public byte[] value() {
            char[] characters = Passwords.of(password);
            try {
                return Pkcs12Bags.open(key, characters);
            } catch (IOException | GeneralSecurityException e) {
                throw new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "key number " + number
                                + " of the file has another password than the file, or is encrypted in a way"
                                + " that this Java can't read; give it the same password (keytool -keypasswd)",
                        e);
            } finally {
                Arrays.fill(characters, '\0');
            }
        }
    }
}
