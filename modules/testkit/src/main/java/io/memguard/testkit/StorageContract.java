package io.memguard.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.storage.LockedStorage;
import io.memguard.storage.NewEntry;
import io.memguard.storage.Published;
import io.memguard.storage.Storage;
import io.memguard.storage.StorageProvider;
import io.memguard.storage.StoredMetadata;
import io.memguard.storage.Totals;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every storage has to promise, as tests: extend it, and give an empty place. Two storages are opened on that place, as two
 * processes would have them.
 */
@SuppressWarnings("JUnitClassModifiers") // For other packages to extend.
public abstract class StorageContract {
    private static final int WAIT = 200; // milliseconds in which what is excluded must not happen

    private final List<Storage> opened = new ArrayList<>();
    private StorageProvider provider;
    private Storage storage;
    private Storage other;

    /** For those who extend it. */
    @SuppressWarnings("NullAway.Init") // By open().
    protected StorageContract() {}

    /** A place where there is nothing yet. */
    protected abstract StorageProvider emptyPlace() throws IOException;

    @BeforeEach
    void open() throws IOException {
        provider = emptyPlace();
        assertTrue(provider.open().isEmpty(), "there is nothing yet");
        storage = opened(provider.create());
        other = opened(provider.create());
    }

    private Storage opened(Storage made) throws IOException {
        opened.add(made);
        made.activate();
        return made;
    }

    @AfterEach
    void close() {
        opened.forEach(Storage::close);
    }

    private static EntryId value(int number) {
        byte[] hash = new byte[EntryId.HASH_SIZE];
        new Random(number).nextBytes(hash);
        return EntryId.value(hash);
    }

    private static byte[] content(int seed) {
        byte[] bytes = new byte[100];
        new Random(1000 + seed).nextBytes(bytes);
        return bytes;
    }

    private static NewEntry entry(EntryId id, byte[] content) {
        return NewEntry.of(id, MemorySegment.ofArray(content));
    }

    private static Published put(Storage into, EntryId value, byte[] content) throws IOException {
        return into.locked(value, locked -> {
            try (var write = locked.prepare(List.of(entry(value.name(), content(-1)), entry(value, content)))) {
                return write.publish();
            }
        });
    }

    private static Optional<byte[]> read(LockedStorage locked, EntryId id) throws IOException {
        var found = locked.open(id);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        try (var entry = found.get();
                var text = entry.read()) {
            return Optional.of(text.bytes().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private static byte[] read(Storage from, EntryId id) throws IOException {
        return from.locked(id, locked -> read(locked, id)).orElseThrow();
    }

    @Test
    void whatIsPublishedIsReadByEveryProcess() throws IOException {
        Published published = put(storage, value(1), content(1));
        assertEquals(1, published.moments().size());
        assertTrue(published.failure().isEmpty());
        assertArrayEquals(content(1), read(other, value(1)));
        assertArrayEquals(content(-1), other.name(value(1).name()).orElseThrow());
        assertTrue(other.contains(value(1)) && other.contains(value(1).name()));
        assertFalse(other.contains(value(2)));
        assertTrue(
                other.<Boolean>locked(value(2), locked -> locked.open(value(2)).isEmpty()));
    }

    @Test
    void anEntryThatIsReplacedWhileItIsReadIsTheOldOneOrTheNewOne() throws IOException {
        put(storage, value(1), content(1));
        try (var entry = other.locked(value(1), locked -> locked.open(value(1))).orElseThrow()) {
            put(storage, value(1), content(2));
            try (var text = entry.read()) {
                assertArrayEquals(content(1), text.bytes().toArray(ValueLayout.JAVA_BYTE));
            }
        }
        assertArrayEquals(content(2), read(other, value(1)));
    }

    @Test
    void whatIsPreparedAndNotPublishedChangesNothing() throws IOException {
        put(storage, value(1), content(1));
        long generation = other.generations().get(value(1).stripe());
        storage.locked(value(1), locked -> {
            locked.prepare(List.of(entry(value(1), content(2)))).close();
            return true;
        });
        assertArrayEquals(content(1), read(other, value(1)));
        assertEquals(generation, other.generations().get(value(1).stripe()));
        assertThrows(
                IOException.class,
                () -> storage.locked(
                        value(1),
                        locked -> locked.prepare(List.of(new NewEntry(value(1), slot -> {
                            throw new IOException("no content");
                        })))));
        assertArrayEquals(content(1), read(other, value(1)));
    }

    @Test
    void aChangeRaisesTheGenerationInEveryProcessAndAReencryptionDoesNot() throws IOException {
        put(storage, value(1), content(1));
        int stripe = value(1).stripe();
        long first = other.generations().get(stripe);
        put(storage, value(1), content(2));
        long second = other.generations().get(stripe);
        assertNotEquals(first, second);
        storage.locked(value(1), locked -> {
            try (var write = locked.prepareReencrypted(List.of(entry(value(1), content(3))))) {
                return write.publish();
            }
        });
        assertEquals(second, other.generations().get(stripe));
        assertArrayEquals(content(3), read(other, value(1)));
        storage.locked(value(1), locked -> locked.delete(value(1)));
        assertNotEquals(second, other.generations().get(stripe));
    }

    @Test
    void aMomentIsThatOfTheContentUntilItIsReplaced() throws IOException {
        var moment = put(storage, value(1), content(1)).moments().getFirst();
        assertTrue(storage.isStill(value(1), moment.version()));
        assertEquals(moment.generation(), storage.generations().get(value(1).stripe()));
        var next = put(other, value(1), content(2)).moments().getFirst();
        assertFalse(storage.isStill(value(1), moment.version()));
        assertTrue(other.isStill(value(1), next.version()));
        assertTrue(other.<Boolean>locked(
                value(1),
                locked -> locked.moment(value(1)).orElseThrow().version().equals(next.version())));
    }

    @Test
    void deletingRemovesAValueWithItsName() throws IOException {
        put(storage, value(1), content(1));
        assertTrue(storage.<Boolean>locked(value(1), locked -> locked.delete(value(1))));
        assertFalse(other.<Boolean>locked(value(1), locked -> locked.delete(value(1))));
        assertFalse(other.contains(value(1)) || other.contains(value(1).name()));
    }

    @Test
    void aFingerprintTellsContentsApart() throws IOException {
        Storage.Work<Fingerprint> look = locked -> locked.durableFingerprint(value(1));
        assertEquals(Fingerprint.ABSENT, storage.locked(value(1), look));
        put(storage, value(1), content(1));
        assertEquals(Fingerprint.of(content(1)), other.locked(value(1), look));
    }

    @Test
    void allEntriesAreListedAndCounted() throws IOException {
        var expected = new TreeSet<EntryId>();
        for (int i = 0; i < 20; i++) {
            put(i % 2 == 0 ? storage : other, value(i), content(i));
            expected.add(value(i));
            expected.add(value(i).name());
        }
        var listed = new TreeSet<EntryId>();
        storage.forEach(listed::add);
        assertEquals(expected, listed);
        Totals totals = other.totals();
        assertEquals(20, totals.items());
        assertEquals(
                expected.stream()
                        .filter(EntryId::isValue)
                        .mapToLong(other::size)
                        .sum(),
                totals.bytes());
    }

    @Test
    void manyAreWrittenTogetherUnderAllTheirLocks() throws IOException {
        var ids = new ArrayList<EntryId>();
        var entries = new ArrayList<NewEntry>();
        for (int i = 0; i < 100; i++) {
            ids.add(value(i));
            entries.add(entry(value(i), content(i)));
            entries.add(entry(value(i).name(), content(-1)));
        }
        Published published = storage.locked(ids, locked -> {
            try (var write = locked.prepare(entries)) {
                return write.publish();
            }
        });
        assertEquals(100, published.moments().size());
        for (int i = 0; i < 100; i++) {
            assertArrayEquals(content(i), read(other, value(i)));
        }
    }

    @Test
    void metadataIsReplacedOnlyWhereItIsWhatWasRead() throws IOException {
        byte[] first = content(1);
        byte[] second = content(2);
        assertTrue(storage.metadata().isEmpty());
        assertTrue(replace(storage, Optional.empty(), first, 11));
        assertFalse(replace(other, Optional.empty(), second, 12));
        StoredMetadata read = other.metadata().orElseThrow();
        assertArrayEquals(first, read.content());
        assertTrue(replace(other, Optional.of(read), second, 12));
        assertFalse(replace(storage, Optional.of(read), content(3), 13));
        assertArrayEquals(second, storage.metadata().orElseThrow().content());
        assertArrayEquals(second, provider.metadata().orElseThrow());
    }

    private static boolean replace(Storage in, Optional<StoredMetadata> expected, byte[] next, long keyEpoch)
            throws IOException {
        return in.<Boolean>lockedWhole(locked -> in.replaceMetadata(expected, next, keyEpoch));
    }

    @Test
    void metadataIsCurrentUntilAnyProcessReplacesIt() throws IOException {
        replace(storage, Optional.empty(), content(1), 11);
        StoredMetadata first = other.metadata().orElseThrow();
        assertTrue(other.isCurrent(first.version(), 11));
        assertFalse(other.isCurrent(first.version(), 12));
        replace(storage, Optional.of(first), content(2), 12);
        assertFalse(other.isCurrent(first.version(), 11));
        assertFalse(other.isCurrent(first.version(), 12));
        StoredMetadata second = other.metadata().orElseThrow();
        assertTrue(other.isCurrent(second.version(), 12));
        storage.lockedWhole(locked -> {
            storage.removeMetadata();
            return true;
        });
        assertFalse(other.isCurrent(second.version(), 12));
        assertTrue(other.metadata().isEmpty());
    }

    @Test
    void anUncertainKeyEpochIsCorrectedUnderALock() throws IOException {
        replace(storage, Optional.empty(), content(1), 11);
        var read = other.metadata().orElseThrow();
        storage.keyEpoch(Storage.CHANGING); // as a process leaves it that is killed while it replaces the metadata
        assertFalse(other.isCurrent(read.version(), 11));
        other.keyEpoch(11);
        assertTrue(other.isCurrent(read.version(), 11));
    }

    @Test
    void deletingAllLeavesNoEntryAndOutdatesEveryCache() throws IOException {
        for (int i = 0; i < 5; i++) {
            put(storage, value(i), content(i));
        }
        long generation = other.generations().get(value(3).stripe());
        assertEquals(5L, storage.<Long>lockedWhole(locked -> locked.deleteAll()));
        other.forEach(id -> {
            throw new AssertionError(id + " is left");
        });
        assertNotEquals(generation, other.generations().get(value(3).stripe()));
        assertEquals(new Totals(0, 0), other.totals());
    }

    @Test
    void oneLockExcludesTheSameEntryInAnotherProcess() throws Exception {
        assertExcluded(
                inside -> storage.locked(value(1), locked -> inside.get()),
                inside -> other.locked(value(1), locked -> inside.get()));
    }

    @Test
    void theWholeLockExcludesEveryEntry() throws Exception {
        assertExcluded(
                inside -> storage.lockedWhole(locked -> inside.get()),
                inside -> other.locked(value(1), locked -> inside.get()));
        assertExcluded(
                inside -> storage.locked(value(1), locked -> inside.get()),
                inside -> other.lockedWhole(locked -> inside.get()));
    }

    @Test
    void entriesAreReadAndWrittenDuringAKeyChangeAndAnotherChangeIsRefused() throws IOException {
        assertTrue(storage.changing(true, () -> {
            put(other, value(1), content(1));
            storage.lockedWhole(locked -> true);
            assertFalse(other.changing(true, () -> {}));
            assertTrue(storage.withoutChange(() -> {}), "in this thread's own change");
        }));
        assertTrue(other.changing(true, () -> {}));
    }

    /** What runs inside of a lock. */
    private interface Inside {
        Integer get();
    }

    /** What takes a lock. */
    @FunctionalInterface
    private interface Locking {
        Object run(Inside inside) throws IOException;
    }

    private static void assertExcluded(Locking first, Locking second) throws Exception {
        var inside = new AtomicInteger();
        var entered = new CountDownLatch(1);
        var failure = new ArrayList<Throwable>();
        var thread = new Thread(() -> {
            try {
                entered.await();
                second.run(inside::incrementAndGet);
            } catch (Throwable e) {
                failure.add(e);
            }
        });
        thread.start();
        first.run(() -> {
            entered.countDown();
            try {
                Thread.sleep(WAIT);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            assertEquals(0, inside.get());
            return 0;
        });
        thread.join(TimeUnit.MINUTES.toMillis(1));
        assertEquals(List.of(), failure);
        assertEquals(1, inside.get());
    }
}
