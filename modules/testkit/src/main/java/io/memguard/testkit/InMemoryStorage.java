package io.memguard.testkit;

import io.memguard.storage.Attachments;
import io.memguard.storage.EntryId;
import io.memguard.storage.Generations;
import io.memguard.storage.Storage;
import io.memguard.storage.StoredMetadata;
import io.memguard.storage.Totals;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A storage without files: as fast as a test can have it, and durable as long as its process. */
final class InMemoryStorage implements Storage {
    static final String LOCATION = "memory";

    private static final long PATIENCE = 2000; // milliseconds
    private static final long LONGEST_WAIT = 5000;

    private final InMemoryPlace place;
    private final Generations generations;
    private final InMemoryEntries entries;
    private volatile boolean closed;

    InMemoryStorage(InMemoryPlace place) {
        this.place = place;
        this.generations = new Generations(place.counters);
        this.entries = new InMemoryEntries(place, generations);
    }

    @Override
    public String location() {
        return LOCATION;
    }

    @Override
    public String describe(EntryId id) {
        return (id.isValue() ? "value " : "name ") + id.hex();
    }

    @Override
    public String identity() {
        return String.format("%032x", System.identityHashCode(place));
    }

    /** None: for providers that keep no files beside the store. */
    @Override
    public Attachments attachments() {
        return new Attachments(Path.of(LOCATION), Path.of(LOCATION));
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public void requireWritable() {}

    @Override
    public void requirePresent() {}

    @Override
    public void activate() {}

    @Override
    public void recover() {}

    @Override
    public Optional<StoredMetadata> metadata() {
        return Optional.ofNullable(place.metadata);
    }

    @Override
    public boolean isCurrent(Object version, long keyEpoch) {
        var there = place.metadata;
        return there != null && there.version().equals(version) && generations.keyEpoch() == keyEpoch;
    }

    @Override
    public void keyEpoch(long number) {
        generations.keyEpoch(number);
    }

    @Override
    public boolean replaceMetadata(Optional<StoredMetadata> expected, byte[] next, long keyEpoch) {
        synchronized (place) {
            byte[] there = metadata().map(StoredMetadata::content).orElse(null);
            if (!Arrays.equals(there, expected.map(StoredMetadata::content).orElse(null))) {
                return false;
            }
            generations.keyEpoch(CHANGING);
            place.metadata = new StoredMetadata(next.clone(), place.nextVersion());
            generations.keyEpoch(keyEpoch);
            return true;
        }
    }

    @Override
    public void removeMetadata() {
        generations.keyEpoch(CHANGING);
        place.metadata = null;
    }

    @Override
    public void syncMetadata() {}

    @Override
    public Generations generations() {
        return generations;
    }

    @Override
    public boolean isShared() {
        return false;
    }

    @Override
    public boolean isStill(EntryId id, Object version) {
        return entries.moment(id).filter(now -> now.version().equals(version)).isPresent();
    }

    @Override
    public boolean contains(EntryId id) {
        return entries.contains(id);
    }

    @Override
    public Optional<byte[]> name(EntryId id) {
        return entries.name(id);
    }

    @Override
    public long size(EntryId id) {
        var stored = place.entries.get(id);
        return stored == null ? 0 : stored.sealed().length;
    }

    @Override
    public boolean isExposed(EntryId id) {
        return false;
    }

    @Override
    public void forEach(Consumer<EntryId> action) {
        place.entries.keySet().forEach(action);
    }

    @Override
    public Totals totals() {
        var values = place.entries.keySet().stream().filter(EntryId::isValue).toList();
        return new Totals(values.size(), values.stream().mapToLong(this::size).sum());
    }

    @Override
    public <T extends @Nullable Object> T locked(EntryId id, Work<T> work) throws IOException {
        return locked(List.of(id), work);
    }

    @Override
    public <T extends @Nullable Object> T locked(Collection<EntryId> ids, Work<T> work) throws IOException {
        requireOpen();
        int[] locks =
                ids.stream().mapToInt(InMemoryPlace::lockOf).sorted().distinct().toArray();
        place.whole.readLock().lock();
        int held = 0;
        try {
            while (held < locks.length) {
                place.lock(locks[held]).lock();
                held++;
            }
            return work.run(entries);
        } finally {
            while (held > 0) {
                place.lock(locks[--held]).unlock();
            }
            place.whole.readLock().unlock();
        }
    }

    @Override
    public <T extends @Nullable Object> T lockedWhole(WholeWork<T> work) throws IOException {
        requireOpen();
        place.whole.writeLock().lock();
        try {
            return work.run(entries);
        } finally {
            place.whole.writeLock().unlock();
        }
    }

    @Override
    public boolean changing(boolean ifFree, Action change) throws IOException {
        return changing(ifFree ? 0 : PATIENCE, change);
    }

    @Override
    public boolean withoutChange(Action work) throws IOException {
        if (place.change.isHeldByCurrentThread()) {
            work.run();
            return true;
        }
        return changing(LONGEST_WAIT, work);
    }

    private boolean changing(long patience, Action change) throws IOException {
        requireOpen();
        if (place.change.isHeldByCurrentThread() || !acquire(patience)) {
            return false;
        }
        try {
            change.run();
            return true;
        } finally {
            place.change.unlock();
        }
    }

    private boolean acquire(long patience) {
        try {
            return place.change.tryLock(patience, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return place.change.tryLock();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this MemGuard is closed");
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
