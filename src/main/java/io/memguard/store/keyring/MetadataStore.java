package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.StoreKey;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;

/** Reads the metadata, and publishes the next: the only place where it is replaced. */
public final class MetadataStore {
    private final KeyringStorage storage;
    private final MetadataGuard guard;

    public MetadataStore(KeyringStorage storage, MetadataGuard guard) {
        this.storage = storage;
        this.guard = guard;
    }

    /** What is there. */
    public Optional<Metadata> read() throws IOException {
        return storage.metadata().map(Metadata::parse);
    }

    Metadata newest(Metadata read) throws IOException {
        return guard.newest(read, this::read);
    }

    KeyringStorage storage() {
        return storage;
    }

    /**
     * Replaces the metadata; called under the lock of the whole store. The shared number says {@link
     * KeyringStorage#CHANGING} before the new metadata can be seen, so wherever the writer is killed, no process takes an
     * older keyring for the current one.
     *
     * @param before what the next was derived from
     * @param next without a seal
     * @param current the key that seals it
     * @return the next, with its seal
     * @throws KeyChangedException where other metadata is there by now; nothing was changed
     */
    public Metadata publish(Metadata before, Metadata next, StoreKey current, MetadataGuard.Witness witness)
            throws IOException {
        requireStill(before);
        var sealed = KeyCheck.seal(new EntryCipher(current, next.storeId()), next);
        write(sealed, witness);
        return sealed;
    }

    /** The first metadata of a store. */
    public Metadata create(Metadata first, StoreKey key, MetadataGuard.Witness witness) throws IOException {
        var sealed = KeyCheck.seal(new EntryCipher(key, first.storeId()), first);
        write(sealed, witness);
        return sealed;
    }

    private void write(Metadata sealed, MetadataGuard.Witness witness) throws IOException {
        byte[] content = sealed.toBytes();
        if (content.length > Metadata.MAX_SIZE) {
            throw tooLong(content.length);
        }
        var state = Fingerprint.of(sealed.seal());
        witness.expectMetadata(state, this::durable);
        storage.keyEpoch(KeyringStorage.CHANGING); // Where the disk fails it stays so: the metadata may be in place.
        storage.replaceMetadata(content);
        storage.keyEpoch(sealed.keyEpoch());
        witness.settleMetadata(state);
    }

    /** Removes the metadata durably; called under the lock of the whole store. No keyring is current from then on. */
    public void remove() throws IOException {
        storage.keyEpoch(KeyringStorage.CHANGING);
        storage.removeMetadata();
    }

    private Fingerprint durable() throws IOException {
        Fingerprint state =
                read().map(metadata -> Fingerprint.of(metadata.seal())).orElse(Fingerprint.ABSENT);
        storage.syncMetadata();
        return state;
    }

    private void requireStill(Metadata before) throws IOException {
        Metadata present = read().orElseThrow(MetadataStore::removed);
        if (!Arrays.equals(present.toBytes(), before.toBytes())) {
            throw new KeyChangedException();
        }
    }

    private static MemGuardException tooLong(int length) {
        return new MemGuardException(
                ErrorCode.STORE_FAILED,
                "the metadata would be " + length + " bytes long, and the longest that opens is " + Metadata.MAX_SIZE
                        + "; make the provider's records of its keys shorter, or let it remove the old keys first");
    }

    static MemGuardException removed() {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "this store is gone: it was removed (cleanupAll), or its folder was, since it was opened; open it again");
    }
}
