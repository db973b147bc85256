package io.memguard.store;

import io.memguard.Borrower;
import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.StoreKey;
import io.memguard.os.DurableFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The encrypted files of one open store. Thread-safe, and safe with any number of other processes on the directory.
 * Opened by {@link StoreOpener}.
 */
public final class SecretStore implements AutoCloseable {
    /** The longest value whose file still fits a Java array: 1 GiB. */
    private static final long MAX_FILE = (((1L << 30) + StoreKey.OVERHEAD) + 2) / 3 * 4;

    private static final String NOT_STORED = "the value could not be stored; the one before is unchanged";

    private final StoreLayout layout;
    private volatile StoreKey key;
    private volatile FileSeal files;
    private final StoreLocks locks;
    private final Generations generations;
    private final StoreTotals totals;
    private final long epoch;
    private final StoreInfo info;
    private final KeyEraser eraser;
    private final ValueWriter writer;

    /** Removes the wrapped keys that lie outside of this directory's own files. */
    interface KeyEraser {
        void erase();
    }

    SecretStore(
            StoreLayout layout,
            StoreKey key,
            FileSeal files,
            StoreLocks locks,
            Generations generations,
            StoreTotals totals,
            StoreInfo info,
            KeyEraser eraser) {
        this.layout = layout;
        this.key = key;
        this.files = files;
        this.locks = locks;
        this.generations = generations;
        this.totals = totals;
        this.epoch = generations.ofStore();
        this.info = info;
        this.eraser = eraser;
        this.writer = new ValueWriter(layout, locks, generations, totals);
    }

    /** Goes on with another handle on the same key, and closes the one before. */
    public synchronized void use(StoreKey next) {
        StoreKey before = key;
        files = new FileSeal(next, info.storeId());
        key = next;
        before.close();
    }

    /** What the metadata says. */
    public StoreInfo info() {
        return info;
    }

    /** The folder of the files. */
    public Path directory() {
        return layout.directory();
    }

    /** A number that changes whenever a secret of this stripe is about to be replaced or deleted, in any process. */
    public long generation(int stripe) {
        return generations.get(stripe);
    }

    /**
     * Stores durably: when it returns, the value survives a power cut; when it throws, the one before is still there.
     *
     * @return the generation under which this value is the current one
     */
    public long write(SecretName name, MemorySegment value) {
        return during(ErrorCode.STORE_FAILED, NOT_STORED, () -> {
            Written written = writer.write(files, List.of(seal(name, value)), this::requireSameStore);
            if (written.failure().isPresent()) {
                throw written.failure().get();
            }
            return written.generations().getFirst();
        });
    }

    /** A value on its way to disk, encrypted. */
    public static final class NewValue {
        private final SecretName name;
        private final byte[] file;

        private NewValue(SecretName name, byte[] file) {
            this.name = name;
            this.file = file;
        }

        SecretName name() {
            return name;
        }

        byte[] file() {
            return file;
        }

        /** The length of its file in bytes. */
        public int size() {
            return file.length;
        }
    }

    /** Encrypts a value for {@link #writeAll}. */
    public NewValue seal(SecretName name, MemorySegment value) {
        return new NewValue(name, FileSeal.encode(files.seal(FileSeal.Purpose.VALUE, name.hash(), value)));
    }

    /**
     * What became of values that were written together.
     *
     * @param generations of the values that are durable, the first of the list; as by {@link #write}
     * @param failure why the values after those are unchanged
     */
    public record Written(List<Long> generations, Optional<IOException> failure) {}

    /**
     * Stores values of different names with few waits for the disk, each as durable and as atomic as by {@link #write}.
     * Takes all their locks: a thousand at a time are enough.
     */
    public Written writeAll(List<NewValue> values) {
        return during(ErrorCode.STORE_FAILED, NOT_STORED, () -> writer.write(files, values, this::requireSameStore));
    }

    /** The same error as {@link #write} gives. */
    public static MemGuardException notStored(IOException failure) {
        return StoreErrors.failed(ErrorCode.STORE_FAILED, NOT_STORED, failure);
    }

    /**
     * What was read.
     *
     * @param result what the callback made of it
     * @param generation it is current as long as {@link SecretStore#generation} gives this number
     */
    public record Loaded<R>(R result, long generation) {}

    /** Decrypts into a locked window for the callback; nothing where there is no such secret. */
    public <R> Optional<Loaded<R>> read(SecretName name, Borrower<R, RuntimeException> use) {
        record File(Optional<byte[]> content, long generation) {}
        return during(ErrorCode.RETRIEVE_FAILED, "the value could not be read", () -> {
            File file = locks.locked(
                    name.stripe(),
                    () -> new File(SmallFile.read(layout.value(name.hex()), MAX_FILE), generations.get(name.stripe())));
            if (file.content().isEmpty()) {
                return Optional.empty();
            }
            var opened = files.open(
                    FileSeal.Purpose.VALUE,
                    name.hash(),
                    FileSeal.decode(file.content().get()),
                    use);
            if (!opened.authentic()) {
                throw new MemGuardException(
                        ErrorCode.RETRIEVE_FAILED,
                        "the file of this secret is damaged or was exchanged (mg_"
                                + name.hex().substring(0, 8)
                                + "….dat does not verify); restore it from a backup, or store the value again");
            }
            return Optional.of(new Loaded<>(java.util.Objects.requireNonNull(opened.result()), file.generation()));
        });
    }

    /** Whether a value is stored under this name. */
    public boolean contains(SecretName name) {
        return during(ErrorCode.CONTAINS_FAILED, "it can't be seen whether the secret is there", () -> {
            Path file = layout.value(name.hex());
            boolean there = Files.exists(file, LinkOption.NOFOLLOW_LINKS);
            if (!there && !Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
                throw new IOException("no access to " + layout.directory());
            }
            return there;
        });
    }

    /** Deletes durably; false where there was nothing. */
    public boolean delete(SecretName name) {
        return during(ErrorCode.DELETE_FAILED, "the secret could not be deleted", () -> writer.delete(name));
    }

    /**
     * The names of the secrets.
     *
     * @param readable sorted
     * @param unreadable how many values have a name file that is missing or damaged
     */
    public record Names(List<String> readable, int unreadable) {}

    /** All names, decrypted. */
    public Names names() {
        return during(ErrorCode.RETRIEVE_FAILED, "the names could not be read", () -> {
            var readable = new ArrayList<String>();
            int unreadable = 0;
            for (String file : StoreDirectory.list(layout.directory(), StoreLayout::isValue)) {
                var name = nameOf(StoreLayout.hex(file).orElseThrow());
                name.ifPresent(readable::add);
                unreadable += name.isPresent() ? 0 : 1;
            }
            readable.sort(null);
            return new Names(readable, unreadable);
        });
    }

    private Optional<String> nameOf(String hex) {
        try {
            byte[] hash = HexFormat.of().parseHex(hex);
            Optional<byte[]> file = SmallFile.read(layout.name(hex), 4 * SecretName.MAX_BYTES);
            return file.flatMap(content -> {
                var opened = files.open(
                        FileSeal.Purpose.NAME,
                        hash,
                        FileSeal.decode(content),
                        text -> new String(
                                text.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
                return Optional.ofNullable(opened.result());
            });
        } catch (IOException | IllegalArgumentException e) {
            return Optional.empty(); // One damaged name must not hide the others.
        }
    }

    /**
     * How much is stored.
     *
     * @param items values
     * @param bytes their encrypted files together
     */
    public record Totals(long items, long bytes) {}

    /**
     * How much is stored, in a time that does not depend on it: writers keep count. Only after a start of the machine, or
     * after a writer was killed, all files are looked at once.
     */
    public Totals totals() {
        return during(ErrorCode.GETSTATS_FAILED, "the store could not be counted", () -> {
            if (!Files.isDirectory(layout.directory(), LinkOption.NOFOLLOW_LINKS)) {
                throw new IOException(layout.directory() + " is gone");
            }
            Optional<Totals> known = totals.sum();
            while (known.isEmpty()) {
                FileCount.run(layout, locks, totals);
                known = totals.sum();
            }
            return known.get();
        });
    }

    /**
     * Removes every value, every name, the metadata, and the wrapped key, in this order: killed half-way, the rest still
     * opens.
     *
     * @return how many values there were
     */
    public long removeAll() {
        return during(
                ErrorCode.CLEANUP_FAILED,
                "not everything could be removed",
                () -> locks.lockedWhole(() -> {
                    requireSameStore();
                    generations.raiseAll();
                    totals.forget();
                    long values = 0;
                    var left = new ArrayList<String>();
                    for (String file : StoreDirectory.list(
                            layout.directory(),
                            name -> StoreLayout.hex(name).isPresent() || StoreLayout.isTemporary(name))) {
                        try {
                            boolean deleted =
                                    Files.deleteIfExists(layout.directory().resolve(file));
                            values += deleted && StoreLayout.isValue(file) ? 1 : 0;
                        } catch (IOException e) {
                            left.add(file);
                        }
                    }
                    if (!left.isEmpty()) {
                        throw new MemGuardException(
                                ErrorCode.CLEANUP_FAILED,
                                left.size() + " files in " + layout.directory() + " could not be removed (the first: "
                                        + left.getFirst() + "); mend their permissions and clean up again");
                    }
                    DurableFile.delete(layout.metadata());
                    eraser.erase();
                    io.memguard.os.Posix.syncDirectory(layout.directory());
                    return values;
                }));
    }

    /** Refuses to write under a key that is no longer this directory's. */
    private void requireSameStore() {
        if (generations.ofStore() != epoch) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID, "this store was removed (cleanupAll) since it was opened; open it again");
        }
    }

    private static <T> T during(ErrorCode code, String what, StoreLocks.Task<T> task) {
        try {
            return task.run();
        } catch (IOException e) {
            throw StoreErrors.failed(code, what, e);
        }
    }

    /** Ends the use of the directory and wipes the key. Idempotent. */
    @Override
    public void close() {
        locks.close();
        key.close();
    }
}
