package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.storage.LockedStore;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.keyring.Metadata;
import io.memguard.store.keyring.MetadataStore;
import io.memguard.store.keyring.Removal;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Removes every value, every name, their records, the keys, and the metadata, in this order: killed in between, the next opening
 * removes the rest.
 */
final class StoreRemoval {
    private final Storage storage;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final MetadataStore metadata;

    StoreRemoval(Storage storage, KeyringHolder keys, RollbackGuards guards) {
        this.storage = storage;
        this.keys = keys;
        this.guards = guards;
        this.metadata = keys.loader().metadata();
    }

    /** Returns how many values there were. */
    long run() throws IOException {
        long[] values = new long[1];
        boolean ended = storage.lockedWhole(locked -> {
            values[0] = removeValues(locked);
            return removeKeys(false);
        });
        if (!ended && !storage.withoutChange(() -> storage.lockedWhole(locked -> removeKeys(true)))) {
            throw Removal.isStillMade(ErrorCode.CLEANUP_FAILED);
        }
        return values[0];
    }

    private long removeValues(LockedStore locked) throws IOException {
        RollbackGuard guard = guards.of(requireOwn());
        long values = locked.deleteAll();
        guard.forgetSecrets(); // A token that fails can be asked again as long as the store opens.
        try (var lease = keys.lastSeen()) {
            new Removal(keys.loader()).begin(lease.keys(), guard);
        }
        return values;
    }

    /** False where a process may be making a key, and the lock for key changes is not held. */
    private boolean removeKeys(boolean withoutChange) throws IOException {
        Optional<Metadata> there = metadata.read().filter(this::isBeingRemoved);
        if (there.isEmpty()) {
            return true; // An opening has ended it.
        }
        var removal = new Removal(keys.loader());
        if (!withoutChange && removal.mayBecomeMore(there.get())) {
            return false;
        }
        RollbackGuard guard = guards.of(there.get());
        List<String> kept = removal.end(there.get());
        guard.forgetMetadata();
        if (!kept.isEmpty()) {
            throw Removal.keysLeft(kept);
        }
        return true;
    }

    private boolean isBeingRemoved(Metadata there) {
        return there.removing() && there.storeId().equals(keys.metadata().storeId());
    }

    /** The metadata of this store, with its present keys; or while it is being removed, by this one or a killed process. */
    private Metadata requireOwn() throws IOException {
        Optional<Metadata> there = metadata.read().filter(this::isBeingRemoved);
        if (there.isPresent()) {
            return there.get();
        }
        try (var lease = keys.current()) {
            return lease.keys().metadata();
        }
    }
}
