package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.LockedStore;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.keyring.Metadata;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.util.HashSet;

/**
 * Enables, renews and disables the records by which rollbacks of a store are detected. No other process reads, writes or changes
 * the key in the meantime; killed anywhere, it is run again.
 */
public final class RollbackDetection {
    private final Storage storage;
    private final KeyringHolder keys;
    private final RollbackGuards guards;

    RollbackDetection(Storage storage, KeyringHolder keys, RollbackGuards guards) {
        this.storage = storage;
        this.keys = keys;
        this.guards = guards;
    }

    /**
     * Takes the present state of all files as the right one.
     *
     * @return how many secrets were recorded otherwise before: changed, missing or put back
     */
    public long accept(Progress progress) {
        try {
            return storage.lockedWhole(locked -> {
                try (var lease = keys.current()) {
                    return accept(
                            locked,
                            lease.keys(),
                            guards.beginning(lease.keys().metadata().storeId()),
                            progress);
                }
            });
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED,
                    "the state of the files could not be recorded; nothing is lost, try again",
                    e);
        } finally {
            guards.endAcceptance();
        }
    }

    private long accept(LockedStore locked, Keyring now, RollbackGuard guard, Progress progress) throws IOException {
        boolean renewed = !guard.metadata().isEmpty();
        try {
            long different = record(locked, guard, progress);
            publish(now, true, guard);
            return renewed ? different : 0;
        } catch (Throwable failure) {
            if (!renewed) {
                forgetUnlessBegun(guard, failure);
            }
            throw failure;
        }
    }

    /** Records of a store that keeps none would only take room in a token that may have too little. */
    private void forgetUnlessBegun(RollbackGuard guard, Throwable failure) {
        try {
            if (keys.loader().metadata().read().filter(Metadata::recorded).isEmpty()) {
                guard.forgetAll();
            }
        } catch (IOException | MemGuardException e) {
            failure.addSuppressed(e);
        }
    }

    private long record(LockedStore locked, RollbackGuard guard, Progress progress) throws IOException {
        var before = new HashSet<>(guard.values());
        locked.makeDurable(); // What is accepted must not be another state after a power cut.
        long different = 0;
        try (var values = EntryIndex.of(storage, EntryId::isValue)) {
            int done = 0;
            progress.at(0, values.size());
            for (EntryId value : values) {
                var actual = locked.fingerprint(value);
                boolean same =
                        before.remove(value) && guard.newest(value, actual).equals(actual);
                if (!same) {
                    different++;
                    guard.settle(value, actual);
                }
                progress.at(++done, values.size());
            }
        }
        for (EntryId value : before) {
            guard.settle(value, Fingerprint.ABSENT);
        }
        return different + before.size();
    }

    /** Disables the detection, and removes the records. */
    public void disable() {
        try {
            storage.lockedWhole(locked -> {
                try (var lease = keys.current()) {
                    Keyring now = lease.keys();
                    if (guards.of(now.metadata()).isOn()) {
                        publish(now, false, guards.of(now.metadata()));
                    }
                    // Also what was left when this was killed, or failed, right here before.
                    if (guards.areGiven()) {
                        guards.beginning(now.metadata().storeId()).forgetAll();
                    }
                }
                return true;
            });
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED, "the records could not be ended; nothing is lost, try again", e);
        }
    }

    /** All other processes read the metadata again. */
    private void publish(Keyring now, boolean recorded, RollbackGuard guard) throws IOException {
        Metadata published = keys.loader()
                .metadata()
                .publish(
                        now.metadata(),
                        now.metadata().withRecords(recorded),
                        now.current().key(),
                        guard);
        keys.set(new Keyring(published, now.current(), now.next()));
    }
}
