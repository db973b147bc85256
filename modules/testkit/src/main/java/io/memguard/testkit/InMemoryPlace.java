package io.memguard.testkit;

import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.Generations;
import io.memguard.storage.StoredMetadata;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/** What all storages of one place share. */
final class InMemoryPlace {
    private static final int LOCKS = 1 << 10;

    final Map<EntryId, Stored> entries = new ConcurrentSkipListMap<>();
    final MemorySegment counters = Arena.ofAuto().allocate((long) Generations.COUNTERS * Long.BYTES, Long.BYTES);
    final ReentrantReadWriteLock whole = new ReentrantReadWriteLock();
    final ReentrantLock change = new ReentrantLock();
    volatile boolean exists;
    volatile @Nullable StoredMetadata metadata;
    private final AtomicLong versions = new AtomicLong();
    private final ReentrantLock[] stripes = new ReentrantLock[LOCKS];

    InMemoryPlace() {
        for (int i = 0; i < LOCKS; i++) {
            stripes[i] = new ReentrantLock();
        }
    }

    /** An entry, never changed. */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    record Stored(byte[] sealed, Long version) {
        Fingerprint fingerprint() {
            return Fingerprint.of(sealed);
        }
    }

    Long nextVersion() {
        return versions.incrementAndGet();
    }

    /** Neighbours share one, as they may. */
    ReentrantLock lock(int number) {
        return stripes[number];
    }

    static int lockOf(EntryId id) {
        return id.stripe() / (EntryId.STRIPES / LOCKS);
    }
}
