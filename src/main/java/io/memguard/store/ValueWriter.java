package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.LockedStorage;
import io.memguard.storage.NewEntry;
import io.memguard.storage.NotDurableException;
import io.memguard.storage.PreparedWrite;
import io.memguard.storage.Published;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes and deletes values, one or many at once, in this order: what needs room, then the records allow both states, then the
 * new one becomes visible and durable, then the records allow it alone.
 */
final class ValueWriter {
    private final Storage storage;
    private final KeyringHolder keys;
    private final RollbackGuards guards;

    ValueWriter(Storage storage, KeyringHolder keys, RollbackGuards guards) {
        this.storage = storage;
        this.keys = keys;
        this.guards = guards;
    }

    /**
     * Writes values of different names, all under their locks.
     *
     * @throws io.memguard.store.keyring.KeyChangedException where the store has other keys than they were encrypted under;
     *     nothing was changed
     * @throws IOException where nothing was changed, or where it is not known what is durable
     */
    Published write(Keyring now, List<NewValue> values) throws IOException {
        RollbackGuard guard = guards.of(now.metadata());
        var ids = values.stream().map(NewValue::id).toList();
        return storage.locked(ids, locked -> {
            keys.requireStill(now.keyEpoch());
            for (var value : values) {
                keys.requireStill(value.keyEpoch());
            }
            return replace(locked, now, guard, values);
        });
    }

    /** Deletes a value, then its name; false where there was none. */
    boolean delete(SecretName name, Keyring now) throws IOException {
        RollbackGuard guard = guards.of(now.metadata());
        return storage.locked(name.value(), locked -> {
            keys.requireStill(now.keyEpoch());
            guard.expect(locked, name.value(), Fingerprint.ABSENT);
            boolean found = locked.delete(name.value());
            guard.settle(name.value(), Fingerprint.ABSENT);
            return found;
        });
    }

    private Published replace(LockedStorage locked, Keyring now, RollbackGuard guard, List<NewValue> values)
            throws IOException {
        List<NewEntry> entries = names(locked, now, values);
        for (var value : values) {
            entries.add(NewEntry.of(value.id(), value.sealed().bytes()));
        }
        try (var write = locked.prepare(entries)) {
            for (var value : values) {
                guard.expect(locked, value.id(), value.fingerprint());
            }
            Published published = publish(write);
            settle(guard, values.subList(0, published.moments().size()));
            return published;
        }
    }

    /** Those names that may be missing or damaged; of many values each is checked by the threads that prepare them. */
    private static List<NewEntry> names(LockedStorage locked, Keyring now, List<NewValue> values) throws IOException {
        var entries = new ArrayList<NewEntry>();
        for (var value : values) {
            SecretName name = value.name();
            if (values.size() > 1 || !isReadable(locked, now, name)) {
                entries.add(new NewEntry(name.id(), slot -> {
                    if (!isReadable(locked, now, name)) {
                        slot.put(MemorySegment.ofArray(
                                now.writing().seal(EntryCipher.Purpose.NAME, name.hash(), name.utf8())));
                    }
                }));
            }
        }
        return entries;
    }

    /** Whether {@code list} can show it: one that is there may be damaged. */
    private static boolean isReadable(LockedStorage locked, Keyring now, SecretName name) throws IOException {
        return locked.name(name.id())
                .flatMap(found -> now.openName(name.hash(), found))
                .isPresent();
    }

    private static Published publish(PreparedWrite write) throws IOException {
        try {
            return write.publish();
        } catch (NotDurableException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED,
                    "the value is in place, but may be the one before again after a power cut; store it again",
                    e.reason());
        }
    }

    /** Only now the values before can't be put back any more. */
    private static void settle(RollbackGuard guard, List<NewValue> durable) {
        try {
            for (var value : durable) {
                guard.settle(value.id(), value.fingerprint());
            }
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED,
                    "the value is stored, but its record in the token still allows the one before; store it again",
                    e);
        }
    }
}
