package io.memguard.store;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Progress;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.NewKey;
import io.memguard.keys.StoreKey;
import io.memguard.os.DurableGroup;
import io.memguard.os.SmallFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;

/**
 * Takes a store over to another key while other processes read and write. Three steps, each durable before the next one:
 * the metadata names the next key, under which everything new is written from then on; all files are sealed anew; the
 * metadata names that key alone, and the provider forgets the old one. Killed anywhere, it goes on where it was.
 */
public final class Rotation {
    /** So many files are replaced together; their locks are held for one wait for the disk. */
    private static final int GROUP = 32;

    private static final byte[] ALREADY = {};
    private static final long MAX_FILE = Integer.MAX_VALUE - 8L;

    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final CurrentKeys keys;
    private final StoreLocks locks;
    private final Generations generations;
    private final StoreTotals totals;

    /** Whether the last file was under the next key: those that a killed rotation has done lie beside each other. */
    private boolean already;

    Rotation(
            StoreDirectory directory, CurrentKeys keys, StoreLocks locks, Generations generations, StoreTotals totals) {
        this.directory = directory;
        this.layout = directory.layout();
        this.keys = keys;
        this.locks = locks;
        this.generations = generations;
        this.totals = totals;
    }

    /**
     * Goes over to a new key of this provider, or goes on with a rotation that was begun before, by whomever.
     *
     * @throws MemGuardException STORE_FAILED where a file opens under neither key: both keys are kept then
     */
    public void run(KeyProvider to, Progress progress) {
        try {
            locks.lockedWhole(() -> {
                begin(to);
                return true;
            });
            sealAnew(progress);
            locks.lockedWhole(() -> {
                arrive(to);
                return true;
            });
        } catch (IOException e) {
            throw StoreErrors.failed(
                    ErrorCode.STORE_FAILED, "the key could not be changed; nothing is lost, run it again", e);
        }
    }

    private void begin(KeyProvider to) throws IOException {
        totals.setClear(false);
        try (var lease = keys.get()) {
            if (lease.keys().next() == null) {
                begin(to, lease.keys());
            }
        }
    }

    private void begin(KeyProvider to, Keyring now) throws IOException {
        Metadata metadata = now.metadata();
        var context = keys.loader().context(metadata).ofExisting();
        to.eraseUnrecorded(context, metadata.records());
        NewKey made = to.create(context);
        if (made.record().equals(metadata.keys())) {
            made.key().close();
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "this key was made by other tools, and there is no other one of its name; make one in the token, and"
                            + " go over to it by its object= (memguard rekey)");
        }
        try {
            byte[] check = Checks.ofKey(new FileSeal(made.key(), metadata.storeId()));
            var current = new FileSeal(now.current(), metadata.storeId());
            byte[] place = SecretName.sha256(check);
            byte[] sealedKey = made.key()
                    .<byte[]>read(raw -> current.seal(FileSeal.Purpose.NEXT_KEY, place, raw))
                    .orElse(new byte[0]);
            var next = new Metadata.Next(made.record(), check, sealedKey);
            publish(current, metadata.withNext(next), now.current(), made.key());
        } catch (Throwable failure) {
            made.key().close();
            if (!isNamed(made.record(), failure)) {
                to.erase(context, made.record());
            }
            throw failure;
        }
    }

    /** The disk or the token may have failed when the metadata were in place: the key that they name has to stay. */
    private boolean isNamed(KeyRecord key, Throwable failure) {
        try {
            return keys.loader()
                    .metadata()
                    .filter(now -> now.records().contains(key))
                    .isPresent();
        } catch (IOException | MemGuardException e) {
            failure.addSuppressed(e);
            return true; // Where it is not, the next rotation removes it.
        }
    }

    /** Whoever has a lock from now on sees the new number, and reads the metadata again. */
    private void publish(
            FileSeal seal, Metadata metadata, StoreKey current, @org.jspecify.annotations.Nullable StoreKey next)
            throws IOException {
        Metadata written;
        try {
            written =
                    Checks.write(seal, metadata, layout, keys.loader().guards().of(metadata));
        } finally {
            generations.raiseStore(); // Also where the disk or the token failed: the metadata may be in place.
        }
        keys.set(new Keyring(written, generations.ofStore(), current, next));
    }

    /** What is added meanwhile is under the next key already, so one look at the folder finds all the others. */
    private void sealAnew(Progress progress) throws IOException {
        List<String> files = directory.list(name -> StoreLayout.hex(name).isPresent());
        files.sort(null); // A value and its name lie beside each other, and locks are taken in their order.
        int damaged = 0;
        progress.at(0, files.size());
        for (int i = 0; i < files.size(); i += GROUP) {
            var group = files.subList(i, Math.min(files.size(), i + GROUP));
            damaged += sealAnew(group);
            progress.at(i + group.size(), files.size());
        }
        if (damaged > 0) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    damaged + " files are damaged and can't go over to the new key; store or delete these secrets, then"
                            + " run it again (both keys are kept until then)");
        }
    }

    private int sealAnew(List<String> group) throws IOException {
        int[] stripes = group.stream()
                .mapToInt(file -> StoreLayout.stripeOfHex(hash(file)))
                .sorted()
                .distinct()
                .toArray();
        return locks.locked(stripes, () -> {
            try (var lease = keys.get()) {
                return sealAnew(group, lease.keys());
            }
        });
    }

    private int sealAnew(List<String> group, Keyring now) throws IOException {
        var files = new ArrayList<DurableGroup.NewFile>();
        var states = new LinkedHashMap<String, FileState>();
        int damaged = 0;
        for (String file : group) {
            Path path = layout.directory().resolve(file);
            Optional<byte[]> content = SmallFile.read(path, MAX_FILE);
            if (content.isPresent()) {
                Optional<byte[]> anew = anew(now, file, FileSeal.decode(content.get()));
                damaged += anew.isPresent() ? 0 : 1;
                byte[] bytes = anew.orElse(ALREADY);
                if (bytes.length > 0) {
                    files.add(file(path, file, bytes));
                    if (StoreLayout.isValue(file)) {
                        states.put(hash(file), FileState.of(bytes));
                    }
                }
            }
        }
        RollbackGuard guard = keys.guard(now);
        for (var value : states.entrySet()) {
            requireRight(guard, value.getKey());
            guard.expect(
                    id(value.getKey()),
                    value.getValue(),
                    () -> FileState.durable(layout, layout.value(value.getKey())));
        }
        replace(files);
        for (var value : states.entrySet()) {
            guard.settle(id(value.getKey()), value.getValue());
        }
        return damaged;
    }

    /** What was put back must not become the newest state by being sealed anew. */
    private void requireRight(RollbackGuard guard, String hash) throws IOException {
        if (!guard.isOn()) {
            return;
        }
        Path file = layout.value(hash);
        if (!guard.allows(guard.right(id(hash), () -> FileState.durable(layout, file)), FileState.of(file))) {
            throw RollbackGuard.rolledBack("a file (mg_" + hash.substring(0, 8) + "….dat)");
        }
    }

    private static byte[] id(String hash) {
        return HexFormat.of().parseHex(hash);
    }

    private static DurableGroup.NewFile file(Path path, String file, byte[] content) {
        String prefix = StoreLayout.temporaryPrefix(StoreLayout.stripeOfHex(hash(file)));
        return new DurableGroup.NewFile(path, FileSeal.encode(content), prefix);
    }

    private static String hash(String file) {
        return StoreLayout.hex(file).orElseThrow();
    }

    private void replace(List<DurableGroup.NewFile> files) throws IOException {
        if (!files.isEmpty()) {
            totals.setClear(false); // Whoever opens the store after a kill removes temporary files.
            try (var durable = DurableGroup.prepare(layout.directory(), files)) {
                for (int i = 0; i < files.size(); i++) {
                    durable.publishNext();
                }
                durable.sync();
            }
        }
    }

    /**
     * The same text under the next key; empty bytes where it is already, nothing where it opens under neither. The key that
     * opened the file before is tried first: a try that fails costs a token three calls.
     */
    private Optional<byte[]> anew(Keyring keys, String file, byte[] sealed) {
        if (already) {
            return isAlready(keys, file, sealed) ? Optional.of(ALREADY) : fromOld(keys, file, sealed);
        }
        var moved = fromOld(keys, file, sealed);
        return moved.isPresent() || !isAlready(keys, file, sealed) ? moved : Optional.of(ALREADY);
    }

    private boolean isAlready(Keyring keys, String file, byte[] sealed) {
        already = keys.writing()
                .<Boolean, RuntimeException>open(purpose(file), place(file), sealed, text -> true)
                .authentic();
        return already;
    }

    private Optional<byte[]> fromOld(Keyring keys, String file, byte[] sealed) {
        var old = new FileSeal(keys.current(), keys.metadata().storeId());
        var opened = old.<byte[], RuntimeException>open(
                purpose(file), place(file), sealed, text -> keys.writing().seal(purpose(file), place(file), text));
        already = !opened.authentic();
        return Optional.ofNullable(opened.result());
    }

    private static FileSeal.Purpose purpose(String file) {
        return StoreLayout.isValue(file) ? FileSeal.Purpose.VALUE : FileSeal.Purpose.NAME;
    }

    private static byte[] place(String file) {
        return HexFormat.of().parseHex(hash(file));
    }

    private void arrive(KeyProvider to) throws IOException {
        try (var lease = keys.get()) {
            Keyring now = lease.keys();
            if (now.next() == null) {
                return; // Another process has finished it.
            }
            publish(now.writing(), now.metadata().arrived(), now.next(), null);
        }
        KeyProvider from = keys.loader().provider();
        keys.loader().use(to);
        forgetOld(from);
    }

    /** Removes what is left of the old key where the process that changed it was killed just before. */
    void forgetOld() throws IOException {
        locks.lockedWhole(() -> {
            forgetOld(keys.loader().provider());
            return true;
        });
    }

    private void forgetOld(KeyProvider provider) throws IOException {
        try (var lease = keys.get()) {
            Keyring now = lease.keys();
            var old = now.metadata().old();
            if (old.isPresent() && provider.opens(old.get().provider())) {
                provider.erase(keys.loader().context(now.metadata()), old.get());
                publish(
                        new FileSeal(now.current(), now.metadata().storeId()),
                        now.metadata().withoutOld(),
                        now.current(),
                        now.next());
            }
        }
    }
}
