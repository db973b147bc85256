package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.os.DurableGroup;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Fingerprint;
import io.memguard.store.keyring.Keyring;
import io.memguard.store.keyring.KeyringHolder;
import io.memguard.store.rollback.RollbackGuard;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;

/** Re-encrypts every file of a store under the key that is written under now, in groups under their locks. */
final class Reencryption {
    /** Files replaced per batch; their locks are held for one wait for the disk. */
    private static final int GROUP = 32;

    private static final byte[] ALREADY = {};
    private static final long MAX_FILE = Integer.MAX_VALUE - 8L;

    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final KeyringHolder keys;
    private final RollbackGuards guards;
    private final StoreLocks locks;
    private final StoreTotals totals;

    /** Whether the last file was under the key of now: those that a killed change has done are beside each other. */
    private boolean already;

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
        List<String> files = directory.list(name -> StoreLayout.hex(name).isPresent());
        files.sort(null); // A value and its name are beside each other, and locks are taken in their order.
        int damaged = 0;
        progress.at(0, files.size());
        for (int i = 0; i < files.size(); i += GROUP) {
            var group = files.subList(i, Math.min(files.size(), i + GROUP));
            damaged += reencrypt(group);
            progress.at(i + group.size(), files.size());
        }
        if (damaged > 0) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    damaged + " files are damaged and can't be re-encrypted; store or delete these secrets, then"
                            + " run it again (both keys are kept until then)");
        }
    }

    private int reencrypt(List<String> group) throws IOException {
        int[] stripes = group.stream()
                .mapToInt(file -> StoreLayout.stripeOfHex(hash(file)))
                .sorted()
                .distinct()
                .toArray();
        return keys.with(now -> locks.locked(stripes, () -> {
            keys.requireStill(now.epoch());
            return reencrypt(group, now);
        }));
    }

    private int reencrypt(List<String> group, Keyring now) throws IOException {
        var files = new ArrayList<DurableGroup.NewFile>();
        var states = new LinkedHashMap<String, Fingerprint>();
        int damaged = 0;
        for (String file : group) {
            Path path = layout.directory().resolve(file);
            Optional<byte[]> content = SmallFile.read(path, MAX_FILE);
            if (content.isPresent()) {
                Optional<byte[]> anew = anew(now, file, EntryCipher.decode(content.get()));
                damaged += anew.isPresent() ? 0 : 1;
                byte[] bytes = anew.orElse(ALREADY);
                if (bytes.length > 0) {
                    files.add(file(path, file, bytes));
                    if (StoreLayout.isValue(file)) {
                        states.put(hash(file), Fingerprint.of(bytes));
                    }
                }
            }
        }
        RollbackGuard guard = guards.of(now.metadata());
        for (var value : states.entrySet()) {
            requireRight(guard, value.getKey());
            guard.expect(
                    id(value.getKey()),
                    value.getValue(),
                    () -> layout.durableFingerprint(layout.value(value.getKey())));
        }
        replace(files);
        for (var value : states.entrySet()) {
            guard.settle(id(value.getKey()), value.getValue());
        }
        return damaged;
    }

    /** What was put back must not become the newest state by being re-encrypted. */
    private void requireRight(RollbackGuard guard, String hash) throws IOException {
        if (!guard.isOn()) {
            return;
        }
        Path file = layout.value(hash);
        if (!guard.allows(guard.right(id(hash), () -> layout.durableFingerprint(file)), layout.fingerprint(file))) {
            throw RollbackGuard.rolledBack("a file (mg_" + hash.substring(0, 8) + "….dat)");
        }
    }

    private static byte[] id(String hash) {
        return HexFormat.of().parseHex(hash);
    }

    private static DurableGroup.NewFile file(Path path, String file, byte[] content) {
        String prefix = StoreLayout.temporaryPrefix(StoreLayout.stripeOfHex(hash(file)));
        return new DurableGroup.NewFile(path, EntryCipher.encode(content), prefix);
    }

    private static String hash(String file) {
        return StoreLayout.hex(file).orElseThrow();
    }

    private void replace(List<DurableGroup.NewFile> files) throws IOException {
        if (!files.isEmpty()) {
            totals.setClear(false); // After a kill the next opening removes temporary files.
            try (var durable = DurableGroup.prepare(layout.directory(), files)) {
                for (int i = 0; i < files.size(); i++) {
                    durable.publishNext();
                }
                durable.sync();
            }
        }
    }

    /**
     * The same text under the key of now; empty bytes where it is already, nothing where it opens under neither. The key that
     * opened the file before is tried first: a try that fails costs a token three calls.
     */
    private Optional<byte[]> anew(Keyring keys, String file, byte[] sealed) {
        if (already) {
            return isAlready(keys, file, sealed) ? Optional.of(ALREADY) : fromOther(keys, file, sealed);
        }
        var moved = fromOther(keys, file, sealed);
        return moved.isPresent() || !isAlready(keys, file, sealed) ? moved : Optional.of(ALREADY);
    }

    private boolean isAlready(Keyring keys, String file, byte[] sealed) {
        already = keys.writing()
                .<Boolean, RuntimeException>open(purpose(file), id(hash(file)), sealed, text -> true)
                .authentic();
        return already;
    }

    private Optional<byte[]> fromOther(Keyring keys, String file, byte[] sealed) {
        EntryCipher writing = keys.writing();
        var opened = keys.leaving()
                .<byte[], RuntimeException>open(
                        purpose(file),
                        id(hash(file)),
                        sealed,
                        text -> writing.seal(purpose(file), id(hash(file)), text));
        already = !opened.authentic();
        return Optional.ofNullable(opened.result());
    }

    private static EntryCipher.Purpose purpose(String file) {
        return StoreLayout.isValue(file) ? EntryCipher.Purpose.VALUE : EntryCipher.Purpose.NAME;
    }
}
