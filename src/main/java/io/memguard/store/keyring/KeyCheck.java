package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.nio.charset.StandardCharsets;

/** Known texts sealed under a store's key: they tell a wrong key from a changed metadata file. */
public final class KeyCheck {
    private static final byte[] NO_CONTEXT = new byte[32];
    private static final byte[] CHECK = "memguard-key-chk".getBytes(StandardCharsets.US_ASCII);

    private KeyCheck() {}

    /** The check of a key. */
    public static byte[] of(EntryCipher cipher) {
        return cipher.seal(EntryCipher.Purpose.KEY_CHECK, NO_CONTEXT, CHECK);
    }

    static boolean matches(EntryCipher cipher, byte[] check) {
        return cipher.open(EntryCipher.Purpose.KEY_CHECK, NO_CONTEXT, check, text -> true)
                .authentic();
    }

    /** The same metadata with its seal. */
    public static Metadata seal(EntryCipher cipher, Metadata metadata) {
        byte[] covered = Sha256.of(metadata.sealedPart());
        return metadata.withSeal(cipher.seal(EntryCipher.Purpose.METADATA, covered, CHECK));
    }

    static void verify(EntryCipher cipher, Metadata metadata) {
        if (!matches(cipher, metadata.keyCheck())) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the key is not the one of this store; open it with the key (container, token) that made it");
        }
        byte[] covered = Sha256.of(metadata.sealedPart());
        if (!cipher.open(EntryCipher.Purpose.METADATA, covered, metadata.seal(), text -> true)
                .authentic()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the metadata file was changed by a process without the key; restore it from a backup of this store");
        }
    }
}
