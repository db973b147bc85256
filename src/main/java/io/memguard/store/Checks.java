package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Known texts sealed under a store's key: they tell a wrong key from a changed metadata file. */
final class Checks {
    private static final byte[] NOWHERE = new byte[32];
    private static final byte[] CHECK = "memguard-key-chk".getBytes(StandardCharsets.US_ASCII);

    private Checks() {}

    static byte[] ofKey(FileSeal seal) {
        return seal.seal(FileSeal.Purpose.KEY_CHECK, NOWHERE, CHECK);
    }

    static boolean isKey(FileSeal seal, byte[] check) {
        return seal.open(FileSeal.Purpose.KEY_CHECK, NOWHERE, check, text -> true)
                .authentic();
    }

    /** Seals the metadata and puts it in place of the one before. */
    static Metadata write(FileSeal seal, Metadata metadata, StoreLayout layout) throws IOException {
        byte[] covered = SecretName.sha256(metadata.sealedPart());
        var sealed = metadata.withSeal(seal.seal(FileSeal.Purpose.METADATA, covered, CHECK));
        io.memguard.os.DurableFile.replace(
                layout.metadata(), sealed.toBytes(), StoreLayout.temporaryPrefix(0), () -> {});
        return sealed;
    }

    static void verify(FileSeal seal, Metadata metadata) {
        if (!isKey(seal, metadata.keyCheck())) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the key is not the one of this store; open it with the key (container, token) that made it");
        }
        byte[] covered = SecretName.sha256(metadata.sealedPart());
        if (!seal.open(FileSeal.Purpose.METADATA, covered, metadata.seal(), text -> true)
                .authentic()) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the metadata file was changed by somebody without the key; restore it from a backup of this store");
        }
    }
}
