package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.LockedStorage;
import io.memguard.storage.NewEntry;
import io.memguard.storage.OpenEntry;
import io.memguard.storage.PreparedWrite;
import io.memguard.storage.Storage;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Re-encrypts every file of a store under the key that is written under now, in batches under their locks. */
final class Reencryption {
    /** Files replaced per batch, while their locks are held: few at first, so that small stores see how far it is, too. */
    private static final int FIRST_BATCH = 32;

    private static final int LAST_BATCH = 1024;

    private static final long BATCH_BYTES = 16L << 20;

    /** So much plaintext is in locked memory at once: as many short files as there are processors, or a long one. */
    private static final int PLAINTEXTS = Runtime.getRuntime().availableProcessors();

    private static final long SHORT = 1 << 16;

    private final Storage storage;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final Semaphore plaintexts = new Semaphore(PLAINTEXTS, true);
    private volatile boolean already; // a guess: the file that any thread opened last was under the new key

    Reencryption(Storage storage, KeyringHolder keys, RollbackGuards guards) {
        this.storage = storage;
        this.keys = keys;
        this.guards = guards;
    }

    /**
     * What is added in the meantime is under that key already, so one listing finds all the others.
     *
     * @throws MemGuardException STORE_FAILED where files are damaged: both keys have to be kept then
     */
    void reencrypt(Progress progress) throws IOException {
        long damaged = 0;
        try (var entries = EntryIndex.of(storage, id -> true)) {
            long done = 0;
            int most = FIRST_BATCH;
            progress.at(0, entries.size());
            for (Iterator<EntryId> rest = entries.iterator(); rest.hasNext(); ) {
                List<EntryId> batch = nextBatch(rest, most);
                damaged += reencrypt(batch);
                done += batch.size();
                most = Math.min(2 * most, LAST_BATCH);
                progress.at(done, entries.size());
            }
        }
        if (damaged > 0) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    damaged + " files are damaged and can't be re-encrypted; store or delete these secrets, then"
                            + " run it again (both keys are kept until then)");
        }
    }

    private List<EntryId> nextBatch(Iterator<EntryId> rest, int most) {
        var batch = new ArrayList<EntryId>();
        long bytes = 0;
        while (rest.hasNext() && batch.size() < most && bytes < BATCH_BYTES) {
            EntryId id = rest.next();
            batch.add(id);
            bytes += storage.size(id);
        }
        return batch;
    }

    private int reencrypt(List<EntryId> batch) throws IOException {
        return keys.with(now -> storage.locked(batch, locked -> {
            keys.requireStill(now.keyEpoch());
            return reencrypt(locked, batch, now);
        }));
    }

    /** Which content an entry had and gets. */
    private record Change(EntryId id, Fingerprint before, Fingerprint after) {}

    private int reencrypt(LockedStorage locked, List<EntryId> batch, Keyring now) throws IOException {
        var changes = new @Nullable Change[batch.size()];
        var damaged = new AtomicInteger();
        var entries = new ArrayList<NewEntry>();
        for (EntryId id : batch) {
            int index = entries.size();
            entries.add(new NewEntry(id, slot -> {
                try (var opened = locked.open(id).orElse(null)) {
                    if (opened != null) { // else it was deleted in the meantime
                        changes[index] = reencrypt(opened, id, now, slot, damaged);
                    }
                }
            }));
        }
        try (var write = locked.prepareReencrypted(entries)) {
            publish(locked, write, changes, guards.of(now.metadata()));
        }
        return damaged.get();
    }

    private @Nullable Change reencrypt(
            OpenEntry opened, EntryId id, Keyring now, NewEntry.Slot slot, AtomicInteger damaged) throws IOException {
        try (var text = opened.read()) {
            boolean isNew = already && isNew(now, id, text.bytes());
            Optional<SealedEntry> again = isNew ? Optional.empty() : reencrypted(now, id, text.bytes());
            isNew = again.isEmpty() && (isNew || isNew(now, id, text.bytes()));
            already = isNew;
            if (again.isEmpty()) {
                damaged.addAndGet(isNew ? 0 : 1);
                return null;
            }
            try (var content = again.get()) {
                slot.put(content.bytes());
                return new Change(id, Fingerprint.of(text.bytes()), content.fingerprint());
            }
        }
    }

    /** Nothing where it was not under the old key. */
    private Optional<SealedEntry> reencrypted(Keyring now, EntryId id, MemorySegment sealed) {
        return withPlaintext(sealed, opened -> {
            if (!now.leaving().open(EntryCipher.Purpose.of(id.kind()), id.hash(), sealed, opened)) {
                return Optional.empty();
            }
            return Optional.of(opened.<SealedEntry, RuntimeException>read(
                    plaintext -> SealedEntry.seal(now.writing(), id, plaintext)));
        });
    }

    private boolean isNew(Keyring now, EntryId id, MemorySegment sealed) {
        return withPlaintext(
                sealed, opened -> now.writing().open(EntryCipher.Purpose.of(id.kind()), id.hash(), sealed, opened));
    }

    private <T> T withPlaintext(MemorySegment sealed, Function<PlaintextBuffer, T> task) {
        int share = sealed.byteSize() <= SHORT ? 1 : PLAINTEXTS;
        plaintexts.acquireUninterruptibly(share);
        try (var opened = PlaintextBuffer.empty()) {
            return task.apply(opened);
        } finally {
            plaintexts.release(share);
        }
    }

    private static void publish(
            LockedStorage locked, PreparedWrite write, @Nullable Change[] changes, RollbackGuard guard)
            throws IOException {
        for (Change change : changes) {
            if (change != null && change.id().isValue()) {
                expect(locked, guard, change);
            }
        }
        write.publish();
        for (Change change : changes) {
            if (change != null && change.id().isValue()) {
                guard.settle(change.id(), change.after());
            }
        }
    }

    /** What was put back must not become the newest state by being re-encrypted. */
    private static void expect(LockedStorage locked, RollbackGuard guard, Change change) throws IOException {
        if (!guard.isNewest(guard.newest(locked, change.id()), change.before())) {
            throw RollbackGuard.rolledBack("a file (mg_" + change.id().hex().substring(0, 8) + "….dat)");
        }
        guard.expect(locked, change.id(), change.after());
    }
}
