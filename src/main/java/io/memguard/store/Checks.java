package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
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

    private static Metadata seal(FileSeal seal, Metadata metadata) {
        byte[] covered = SecretName.sha256(metadata.sealedPart());
        return metadata.withSeal(seal.seal(FileSeal.Purpose.METADATA, covered, CHECK));
    }

    /** Seals the metadata and puts it in place of the one before. To be used under the lock of the whole store. */
    static Metadata write(FileSeal seal, Metadata metadata, StoreLayout layout, RollbackGuard guard)
            throws IOException {
        var sealed = seal(seal, metadata);
        var state = FileState.of(sealed.seal());
        guard.expectMetadata(state, () -> present(layout));
        DurableFile.replace(layout.metadata(), sealed.toBytes(), StoreLayout.temporaryPrefix(0), () -> {});
        guard.settleMetadata(state);
        return sealed;
    }

    private static FileState present(StoreLayout layout) throws IOException {
        FileState state = SmallFile.read(layout.metadata(), Metadata.MAX_SIZE)
                .map(content -> FileState.of(Metadata.parse(content).seal()))
                .orElse(FileState.ABSENT);
        Posix.syncDirectory(layout.directory()); // As FileState.durable.
        return state;
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
