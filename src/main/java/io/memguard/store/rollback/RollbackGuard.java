package io.memguard.store.rollback;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.RollbackRecords;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.LockedStorage;
import io.memguard.store.keyring.MetadataGuard;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Knows, by records out of the directory's reach, which state of each file is the current one. A change allows the next state
 * beside the present one first, and it alone when it is durable: so whatever a crash leaves is allowed, and what was
 * acknowledged can't be taken back. To be used under the lock of the file.
 */
public final class RollbackGuard implements MetadataGuard.Witness {
    /** The id of the metadata's record; no name has this hash. */
    private static final byte[] METADATA = new byte[RollbackRecords.ID_SIZE];

    /** Of a store without records: allows everything. */
    public static final RollbackGuard OFF = new RollbackGuard(null, "");

    private final @Nullable RollbackRecords records;
    private final String storeId;

    RollbackGuard(@Nullable RollbackRecords records, String storeId) {
        this.records = records;
        this.storeId = storeId;
    }

    public boolean isOn() {
        return records != null;
    }

    /** The state that is there, made durable: a process that was killed may not have done so. */
    @FunctionalInterface
    private interface Actual {
        Fingerprint get() throws IOException;
    }

    /** Before a change, under the lock of the value: also the next state is right from now on. */
    public void expect(LockedStorage locked, EntryId value, Fingerprint next) throws IOException {
        expect(value.hash(), next, () -> locked.durableFingerprint(value));
    }

    private void expect(byte[] id, Fingerprint next, Actual actual) throws IOException {
        if (records != null) {
            put(id, List.of(present(allowed(id), actual), next));
        }
    }

    /** After a change is durable: this state alone is right. */
    public void settle(EntryId value, Fingerprint now) throws IOException {
        settle(value.hash(), now);
    }

    private void settle(byte[] id, Fingerprint now) throws IOException {
        if (records != null) {
            put(id, List.of(now));
        }
    }

    /** Whether a state is the right one; all are in a store without records. */
    public boolean isNewest(Fingerprint newest, Fingerprint actual) {
        return records == null || newest.equals(actual);
    }

    /** Whether a value that this store has under the lock is in the right state. */
    public boolean isNewest(LockedStorage locked, EntryId value) throws IOException {
        return records == null || newest(locked, value).equals(locked.fingerprint(value));
    }

    /**
     * The one state that is right, or {@link Fingerprint#ABSENT} in a store without records. A writer killed in mid-change leaves
     * either version: the one in the storage counts, and is made durable, since a power cut must not bring back what is not
     * allowed any more.
     */
    public Fingerprint newest(LockedStorage locked, EntryId value) throws IOException {
        return records == null ? Fingerprint.ABSENT : newest(value.hash(), () -> locked.durableFingerprint(value));
    }

    /** The same where the state that is there is known, and durable. */
    public Fingerprint newest(EntryId value, Fingerprint present) throws IOException {
        return newest(value.hash(), () -> present);
    }

    private Fingerprint newest(byte[] id, Actual actual) throws IOException {
        List<Fingerprint> allowed = allowed(id);
        Fingerprint present = present(allowed, actual);
        if (allowed.size() > 1) {
            settleWherePossible(id, present);
        }
        return present;
    }

    /** Best effort: a token without room must not prevent a read; until then both states stay allowed. */
    private void settleWherePossible(byte[] id, Fingerprint now) {
        try {
            settle(id, now);
        } catch (IOException e) {
            System.getLogger(RollbackGuard.class.getName())
                    .log(System.Logger.Level.DEBUG, "a record still allows two states: {0}", e.getMessage());
        }
    }

    private static Fingerprint present(List<Fingerprint> allowed, Actual actual) throws IOException {
        if (allowed.size() == 1) {
            return allowed.getFirst();
        }
        Fingerprint now = actual.get();
        return allowed.contains(now) ? now : allowed.getFirst(); // One that was put back stays wrong.
    }

    @Override
    public void expectMetadata(Fingerprint next, MetadataGuard.Present present) throws IOException {
        expect(METADATA, next, present::get);
    }

    @Override
    public void settleMetadata(Fingerprint now) throws IOException {
        settle(METADATA, now);
    }

    /** What the record of the metadata allows; nothing where there is no record. Errors are those of the token. */
    public List<Fingerprint> metadata() {
        return records == null
                ? List.of()
                : records.get(storeId, METADATA).map(Fingerprint::ofBytes).orElse(List.of());
    }

    /** The values that have a record. */
    public List<EntryId> values() throws IOException {
        var from = records;
        return from == null
                ? List.of()
                : during(() -> from.ids(storeId)).stream()
                        .filter(hash -> !Arrays.equals(hash, METADATA))
                        .map(EntryId::value)
                        .toList();
    }

    /** Removes all records: those of the secrets first, so that a crash leaves a store that is still guarded. */
    public void forgetAll() throws IOException {
        forgetSecrets();
        forgetMetadata();
    }

    /** Removes the records of the secrets. */
    public void forgetSecrets() throws IOException {
        for (EntryId value : values()) {
            remove(value.hash());
        }
    }

    /** Removes the record of the metadata: from now on the token does not know this store. */
    public void forgetMetadata() throws IOException {
        remove(METADATA);
    }

    private void remove(byte[] id) throws IOException {
        var from = records;
        if (from != null) {
            during(() -> {
                from.remove(storeId, id);
                return true;
            });
        }
    }

    private List<Fingerprint> allowed(byte[] id) throws IOException {
        List<Fingerprint> known = known(id);
        return known.isEmpty() ? List.of(Fingerprint.ABSENT) : known;
    }

    private List<Fingerprint> known(byte[] id) throws IOException {
        var from = Objects.requireNonNull(records);
        return during(() -> from.get(storeId, id)).map(Fingerprint::ofBytes).orElse(List.of());
    }

    private void put(byte[] id, List<Fingerprint> states) throws IOException {
        var to = Objects.requireNonNull(records);
        List<Fingerprint> distinct = states.stream().distinct().toList();
        during(() -> {
            if (distinct.equals(List.of(Fingerprint.ABSENT))) {
                to.remove(storeId, id);
            } else {
                to.put(storeId, id, Fingerprint.toBytes(distinct));
            }
            return true;
        });
    }

    /** So that the error gets the code of what was tried. */
    private static <T> T during(java.util.function.Supplier<T> call) throws IOException {
        try {
            return call.get();
        } catch (MemGuardException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    public static MemGuardException rolledBack(String what) {
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                what
                        + " is not what was stored last, by its record in the token: an older state was put back, or it was"
                        + " removed; restore the newest state, store the value again, or, if this is a backup that you"
                        + " restored yourself, accept it (memguard records accept)");
    }
}
