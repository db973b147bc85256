package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.Storage;
import io.memguard.storage.StoredMetadata;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads the metadata, and publishes the next: the only place where it is replaced. */
public final class MetadataStore {
    private final Storage storage;
    private final MetadataGuard guard;
    private volatile @Nullable Seen seen;

    /** The metadata that was read last. */
    private record Seen(Object version, long keyEpoch) {}

    public MetadataStore(Storage storage, MetadataGuard guard) {
        this.storage = storage;
        this.guard = guard;
    }

    /** What is there. */
    public Optional<Metadata> read() throws IOException {
        Optional<StoredMetadata> there = storage.metadata();
        if (there.isEmpty()) {
            return Optional.empty();
        }
        var metadata = Metadata.parse(there.get().content());
        seen = new Seen(there.get().version(), metadata.keyEpoch());
        return Optional.of(metadata);
    }

    /** The key epoch of the metadata that was read last, if that is known to be there still; else {@link Storage#CHANGING}. */
    long keyEpoch() {
        Seen last = seen;
        return last != null && storage.isCurrent(last.version(), last.keyEpoch()) ? last.keyEpoch() : Storage.CHANGING;
    }

    /** Says in the storage which metadata is there; under any lock of the store. */
    void correctKeyEpoch(Metadata there) {
        storage.keyEpoch(there.keyEpoch());
    }

    /** The store, for a provider. */
    StoreContext context(String storeId) {
        return StoreContext.of(storeId, storage.attachments());
    }

    /** Tells this folder from every copy of it; see {@link Storage#identity}. */
    public String identity() {
        return storage.identity();
    }

    Metadata newest(Metadata read) throws IOException {
        return guard.newest(read, this::read);
    }

    /**
     * Replaces the metadata; called under the lock of the whole store. The storage compares, too: it replaces what was compared
     * here, or nothing.
     *
     * @param before what the next was derived from
     * @param next without a seal
     * @param current the key that seals it
     * @return the next, with its seal
     * @throws KeyChangedException where other metadata is there by now; nothing was changed
     */
    public Metadata publish(Metadata before, Metadata next, StoreKey current, MetadataGuard.Witness witness)
            throws IOException {
        StoredMetadata present = requireStill(before);
        var sealed = KeyCheck.seal(new EntryCipher(current, next.storeId()), next);
        write(Optional.of(present), sealed, witness);
        return sealed;
    }

    /** The first metadata of a store. */
    public Metadata create(Metadata first, StoreKey key, MetadataGuard.Witness witness) throws IOException {
        var sealed = KeyCheck.seal(new EntryCipher(key, first.storeId()), first);
        write(Optional.empty(), sealed, witness);
        return sealed;
    }

    private void write(Optional<StoredMetadata> before, Metadata sealed, MetadataGuard.Witness witness)
            throws IOException {
        byte[] content = sealed.toBytes();
        if (content.length > Metadata.MAX_SIZE) {
            throw tooLong(content.length);
        }
        var state = Fingerprint.of(sealed.seal());
        witness.expectMetadata(state, this::durable);
        if (!storage.replaceMetadata(before, content, sealed.keyEpoch())) {
            throw new KeyChangedException();
        }
        witness.settleMetadata(state);
    }

    /** Removes the metadata durably; called under the lock of the whole store. No keyring is current from then on. */
    public void remove() throws IOException {
        storage.removeMetadata();
    }

    private Fingerprint durable() throws IOException {
        Fingerprint state =
                read().map(metadata -> Fingerprint.of(metadata.seal())).orElse(Fingerprint.ABSENT);
        storage.syncMetadata();
        return state;
    }

    private StoredMetadata requireStill(Metadata before) throws IOException {
        StoredMetadata present = storage.metadata().orElseThrow(MetadataStore::removed);
        if (!Arrays.equals(present.content(), before.toBytes())) {
            throw new KeyChangedException();
        }
        return present;
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
