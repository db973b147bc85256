package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.os.DurableGroup;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Fingerprint;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
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

    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final StoreLocks locks;
    private final StoreTotals totals;
    private final Semaphore plaintexts = new Semaphore(PLAINTEXTS, true);
    private volatile boolean already; // a guess: the file that any thread opened last was under the new key

    Reencryption(
            StoreDirectory directory, KeyringHolder keys, RollbackGuards guards, StoreLocks locks, StoreTotals totals) {
        this.directory = directory;
        this.layout = directory.layout();
        this.keys = keys;
        this.guards = guards;
        this.locks = locks;
        this.totals = totals;
    }

    /**
     * What is added in the meantime is under that key already, so one look at the folder finds all the others.
     *
     * @throws MemGuardException STORE_FAILED where files are damaged: both keys have to be kept then
     */
    void reencrypt(Progress progress) throws IOException {
        long damaged = 0;
        try (var files = FileIndex.of(directory, file -> true)) {
            long done = 0;
            int most = FIRST_BATCH;
            progress.at(0, files.size());
            for (Iterator<String> rest = files.iterator(); rest.hasNext(); ) {
                List<String> batch = nextBatch(rest, most);
                damaged += reencrypt(batch);
                done += batch.size();
                most = Math.min(2 * most, LAST_BATCH);
                progress.at(done, files.size());
            }
        }
        if (damaged > 0) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    damaged + " files are damaged and can't be re-encrypted; store or delete these secrets, then"
                            + " run it again (both keys are kept until then)");
        }
    }

    private List<String> nextBatch(Iterator<String> rest, int most) {
        var batch = new ArrayList<String>();
        long bytes = 0;
        while (rest.hasNext() && batch.size() < most && bytes < BATCH_BYTES) {
            String file = rest.next();
            batch.add(file);
            bytes += layout.workingPath().resolve(file).toFile().length();
        }
        return batch;
    }

    private int reencrypt(List<String> batch) throws IOException {
        int[] stripes = batch.stream()
                .mapToInt(file -> StoreLayout.stripeOfHex(hash(file)))
                .distinct() // ascending, as the files are
                .toArray();
        return keys.with(now -> locks.locked(stripes, () -> {
            keys.requireStill(now.keyEpoch());
            return reencrypt(batch, now);
        }));
    }

    /** Which content a file had and gets. */
    private record Change(Fingerprint before, Fingerprint after) {}

    private int reencrypt(List<String> batch, Keyring now) throws IOException {
        var changes = new @Nullable Change[batch.size()];
        var damaged = new AtomicInteger();
        var files = new ArrayList<DurableGroup.NewFile>();
        for (String file : batch) {
            int index = files.size();
            String prefix = StoreLayout.temporaryPrefix(StoreLayout.stripeOfHex(hash(file)));
            Path path = layout.workingPath().resolve(file);
            files.add(new DurableGroup.NewFile(path, prefix, slot -> {
                try (var opened = SmallFile.open(path, SecretStore.MAX_FILE).orElse(null)) {
                    if (opened != null) { // else it was deleted in the meantime
                        changes[index] = reencrypt(opened, file, now, slot, damaged);
                    }
                }
            }));
        }
        totals.setClear(false); // After a kill the next opening removes temporary files.
        try (var group = DurableGroup.prepare(layout.workingPath(), files)) {
            publish(group, batch, changes, guards.of(now.metadata()));
        }
        return damaged.get();
    }

    private @Nullable Change reencrypt(
            SmallFile opened, String file, Keyring now, DurableGroup.Slot slot, AtomicInteger damaged)
            throws IOException {
        try (var text = Base64Ciphertext.read(opened)) {
            boolean isNew = already && isNew(now, file, text.bytes());
            Optional<SealedFile> again = isNew ? Optional.empty() : reencrypted(now, file, text.bytes());
            isNew = again.isEmpty() && (isNew || isNew(now, file, text.bytes()));
            already = isNew;
            if (again.isEmpty()) {
                damaged.addAndGet(isNew ? 0 : 1);
                return null;
            }
            try (var content = again.get()) {
                slot.put(content);
                return new Change(Fingerprint.of(text.bytes()), content.state());
            }
        }
    }

    /** Nothing where it was not under the old key. */
    private Optional<SealedFile> reencrypted(Keyring now, String file, MemorySegment sealed) {
        return withPlaintext(sealed, opened -> {
            if (!now.leaving().open(purpose(file), id(hash(file)), sealed, opened)) {
                return Optional.empty();
            }
            return Optional.of(opened.<SealedFile, RuntimeException>read(
                    plaintext -> SealedFile.seal(now.writing(), purpose(file), id(hash(file)), plaintext)));
        });
    }

    private boolean isNew(Keyring now, String file, MemorySegment sealed) {
        return withPlaintext(sealed, opened -> now.writing().open(purpose(file), id(hash(file)), sealed, opened));
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

    private void publish(DurableGroup group, List<String> batch, @Nullable Change[] changes, RollbackGuard guard)
            throws IOException {
        for (int i = 0; i < changes.length; i++) {
            Change change = changes[i];
            if (change != null && StoreLayout.isValue(batch.get(i))) {
                expect(guard, hash(batch.get(i)), change);
            }
        }
        for (int i = 0; i < changes.length; i++) {
            group.publish(i);
        }
        group.sync();
        for (int i = 0; i < changes.length; i++) {
            Change change = changes[i];
            if (change != null && StoreLayout.isValue(batch.get(i))) {
                guard.settle(id(hash(batch.get(i))), change.after());
            }
        }
    }

    /** What was put back must not become the newest state by being re-encrypted. */
    private void expect(RollbackGuard guard, String hash, Change change) throws IOException {
        RollbackGuard.Actual actual = () -> layout.durableFingerprint(layout.valueFile(hash));
        if (guard.isOn() && !guard.isNewest(guard.newest(id(hash), actual), change.before())) {
            throw RollbackGuard.rolledBack("a file (mg_" + hash.substring(0, 8) + "….dat)");
        }
        guard.expect(id(hash), change.after(), actual);
    }

    private static EntryCipher.Purpose purpose(String file) {
        return StoreLayout.isValue(file) ? EntryCipher.Purpose.VALUE : EntryCipher.Purpose.NAME;
    }

    private static String hash(String file) {
        return StoreLayout.hex(file).orElseThrow();
    }

    private static byte[] id(String hash) {
        return HexFormat.of().parseHex(hash);
    }
}
