package io.memguard.storage.directory;

import io.memguard.os.DurableFile;
import io.memguard.os.FileVersion;
import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
import io.memguard.storage.Attachments;
import io.memguard.storage.EntryId;
import io.memguard.storage.Generations;
import io.memguard.storage.Storage;
import io.memguard.storage.StoredMetadata;
import io.memguard.storage.Totals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A store's directory. The metadata is the file {@code store.meta}, the key epoch the last counter in the generations. */
final class DirectoryStorage implements Storage {
    private final StoreDirectory directory;
    private final StoreLayout layout;
    private final String identity;
    private volatile @Nullable Active active;

    /** Takes the directory over. */
    DirectoryStorage(StoreDirectory directory) throws IOException {
        this.directory = directory;
        this.layout = directory.layout();
        this.identity = identity(layout);
    }

    /** What is there from {@link #activate} on. */
    private record Active(
            MappedGenerations generations, StoreLocks locks, StoreTotals totals, DirectoryEntries entries) {}

    /** Inode and time of birth: a copy has others, a directory that was moved within its file system keeps them. */
    private static String identity(StoreLayout layout) throws IOException {
        var status = Posix.identity(layout.workingPath());
        return HexFormat.of().toHexDigits(status.inode()) + HexFormat.of().toHexDigits(status.birth());
    }

    @Override
    public synchronized void activate() throws IOException {
        if (active != null) {
            return;
        }
        if (isReadOnly()) {
            var locks = StoreLocks.none(directory);
            active = active(MappedGenerations.inMemory(layout.generations()), locks, StoreTotals.none(locks));
            return;
        }
        var generations = MappedGenerations.open(layout.generations());
        var locks = new StoreLocks(layout);
        try {
            active = active(generations, locks, StoreTotals.open(layout.totals(), locks));
            locks.follow(generations);
        } catch (Throwable failure) {
            locks.close();
            throw failure;
        }
    }

    private Active active(MappedGenerations generations, StoreLocks locks, StoreTotals totals) {
        var entries = new DirectoryEntries(directory, layout, generations.generations(), totals);
        return new Active(generations, locks, totals, entries);
    }

    private Active active() {
        return Objects.requireNonNull(active);
    }

    private StoreLocks locks() {
        return active().locks();
    }

    // The place

    @Override
    public String location() {
        return layout.displayPath().toString();
    }

    @Override
    public String describe(EntryId id) {
        return StoreLayout.fileName(id);
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public Attachments attachments() {
        return new Attachments(layout.displayPath(), layout.workingPath());
    }

    @Override
    public boolean isReadOnly() {
        return directory.access().readOnly();
    }

    @Override
    public void requireWritable() throws IOException {
        locks().requireWritable();
    }

    @Override
    public void requirePresent() throws IOException {
        locks().requirePresent();
    }

    @Override
    public void recover() throws IOException {
        var totals = active().totals();
        if (!totals.isClear()) {
            totals.setClear(true); // Before looking: a writer may be killed in the meantime.
            clearTemporaries();
        }
    }

    /** A temporary file whose lock is free was left by a writer that is dead. */
    private void clearTemporaries() throws IOException {
        for (String file : directory.list(StoreLayout::isTemporary)) {
            if (StoreLayout.isTemporaryKey(file)) {
                locks().changing(true, () -> clear(file));
            } else {
                clear(file);
            }
        }
    }

    private void clear(String temporary) throws IOException {
        locks().tryLocked(
                        StoreLayout.stripeOfTemporary(temporary),
                        () -> Files.deleteIfExists(layout.workingPath().resolve(temporary)));
    }

    // Metadata

    @Override
    public Optional<StoredMetadata> metadata() throws IOException {
        var opened = SmallFile.open(layout.metadata(), MAX_METADATA);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        try (var file = opened.get()) {
            return Optional.of(new StoredMetadata(file.read(), file.version()));
        }
    }

    /** A restore may have put other metadata in place, and the counters that fit this one, in either order. */
    @Override
    public boolean isCurrent(Object version, long keyEpoch) {
        Active opened = active;
        return opened != null
                && (!opened.generations().isShared() || generations().keyEpoch() == keyEpoch)
                && isStill(version);
    }

    private boolean isStill(Object metadata) {
        try {
            return FileVersion.of(layout.metadata()).filter(metadata::equals).isPresent();
        } catch (IOException e) {
            return false; // Reading it says why.
        }
    }

    @Override
    public void keyEpoch(long number) {
        generations().keyEpoch(number);
    }

    @Override
    public boolean replaceMetadata(Optional<StoredMetadata> expected, byte[] next, long keyEpoch) throws IOException {
        byte[] there = metadata().map(StoredMetadata::content).orElse(null);
        if (!Arrays.equals(there, expected.map(StoredMetadata::content).orElse(null))) {
            return false;
        }
        keyEpoch(CHANGING); // Where the disk fails it stays so: the metadata may be in place.
        DurableFile.replace(layout.metadata(), next, StoreLayout.temporaryPrefix(0), () -> {});
        keyEpoch(keyEpoch);
        return true;
    }

    @Override
    public void removeMetadata() throws IOException {
        keyEpoch(CHANGING);
        DurableFile.delete(layout.metadata());
    }

    @Override
    public void syncMetadata() throws IOException {
        Posix.syncDirectory(layout.workingPath());
    }

    // Entries

    @Override
    public Generations generations() {
        return active().generations().generations();
    }

    @Override
    public boolean isShared() {
        return directory.isShared() && !isReadOnly();
    }

    /** Costs four system calls. */
    @Override
    public boolean isStill(EntryId id, Object version) throws IOException {
        return directory.use(() -> {
            requirePresent();
            return FileVersion.of(layout.file(id)).filter(version::equals).isPresent();
        });
    }

    @Override
    public boolean contains(EntryId id) throws IOException {
        return directory.use(() -> {
            boolean there = DirectoryEntries.contains(layout, id);
            requirePresent();
            return there;
        });
    }

    @Override
    public Optional<byte[]> name(EntryId id) throws IOException {
        return directory.use(() -> DirectoryEntries.name(layout, id));
    }

    @Override
    public long size(EntryId id) {
        return layout.file(id).toFile().length();
    }

    @Override
    public boolean isExposed(EntryId id) throws IOException {
        return directory.use(() -> {
            try {
                var permissions = Files.getPosixFilePermissions(layout.file(id), LinkOption.NOFOLLOW_LINKS);
                return !PosixFilePermissions.toString(permissions).endsWith("------");
            } catch (NoSuchFileException e) {
                return false; // Deleted in the meantime.
            }
        });
    }

    @Override
    public void forEach(Consumer<EntryId> action) throws IOException {
        directory.forEach(file -> StoreLayout.entry(file).ifPresent(action));
    }

    @Override
    public Totals totals() throws IOException {
        requirePresent();
        if (isReadOnly()) {
            return FileCount.all(directory);
        }
        var totals = active().totals();
        Optional<Totals> known = totals.sum();
        while (known.isEmpty()) {
            FileCount.run(directory, locks(), totals);
            known = totals.sum();
        }
        return known.get();
    }

    // Locks

    @Override
    public <T extends @Nullable Object> T locked(EntryId id, Work<T> work) throws IOException {
        Active opened = active();
        return opened.locks().locked(id.stripe(), () -> work.run(opened.entries()));
    }

    @Override
    public <T extends @Nullable Object> T locked(Collection<EntryId> ids, Work<T> work) throws IOException {
        Active opened = active();
        int[] stripes =
                ids.stream().mapToInt(EntryId::stripe).sorted().distinct().toArray();
        return opened.locks().locked(stripes, () -> work.run(opened.entries()));
    }

    @Override
    public <T extends @Nullable Object> T lockedWhole(WholeWork<T> work) throws IOException {
        Active opened = active();
        return opened.locks().lockedWhole(() -> work.run(opened.entries()));
    }

    @Override
    public boolean changing(boolean ifFree, Action change) throws IOException {
        Active opened = active();
        return opened.locks().changing(ifFree, () -> {
            opened.totals().setClear(false); // Killed from here on, it may leave a temporary file.
            change.run();
        });
    }

    @Override
    public boolean withoutChange(Action work) throws IOException {
        return locks().withoutChange(work);
    }

    @Override
    public void close() {
        Active opened = active;
        if (opened != null) {
            opened.locks().close();
        }
        directory.close();
    }
}
