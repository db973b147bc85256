package io.memguard.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.storage.StorageProvider;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The store knows no files: on a storage in memory it does all that it does in a directory. */
class StoreOnStorageTest {
    private static MemGuard open(StorageProvider place, long key) {
        return MemGuard.on(place).keys(new NumberKeys(key)).open();
    }

    private static void store(MemGuard store, String name, String text) {
        try (var value = Secrets.text(text)) {
            store.store(name, value);
        }
    }

    private static String read(MemGuard store, String name) {
        return store.<String, RuntimeException>read(name, Secrets::text);
    }

    @Test
    void aStoreInMemoryIsStoredReadListedAndDeleted() {
        var place = new InMemoryStorageProvider();
        try (var store = open(place, 1);
                var other = open(place, 1)) {
            store(store, "a", "first");
            store(store, "b", "second");
            assertEquals("first", read(other, "a"));
            store(store, "a", "third");
            assertEquals("third", read(other, "a"), "a change is seen at the next read");
            assertEquals(List.of("a", "b"), other.list());
            assertEquals(2, other.stats().itemsCount());
            assertTrue(other.delete("b"));
            assertFalse(store.contains("b"));
        }
        try (var again = open(place, 1)) {
            assertEquals("third", read(again, "a"));
        }
        var wrong = assertThrows(MemGuardException.class, () -> open(place, 2));
        assertEquals(ErrorCode.KEY_INVALID, wrong.code());
    }

    @Test
    void aStoreInMemorySwitchesToAnotherKeyAndAProcessThatHasTheOldOneSaysSo() {
        var place = new InMemoryStorageProvider();
        try (var store = open(place, 1);
                var other = open(place, 1)) {
            store(store, "a", "first");
            store.rekey(new NumberKeys(2), (done, all) -> {});
            store(store, "b", "under the new key");
            assertEquals(
                    ErrorCode.KEY_INVALID,
                    assertThrows(MemGuardException.class, () -> store(other, "c", "nowhere"))
                            .code());
        }
        try (var again = open(place, 2)) {
            assertEquals(List.of("a", "b"), again.list());
            assertEquals("first", read(again, "a"));
            assertEquals("under the new key", read(again, "b"));
        }
        assertEquals(
                ErrorCode.KEY_INVALID,
                assertThrows(MemGuardException.class, () -> open(place, 1)).code());
    }

    @Test
    void aStoreInMemoryIsRemoved() {
        var place = new InMemoryStorageProvider();
        try (var store = open(place, 1)) {
            store(store, "a", "first");
            assertEquals(1, store.cleanupAll());
        }
        assertThrows(
                MemGuardException.class,
                () -> MemGuard.on(place)
                        .keys(new NumberKeys(1))
                        .mode(OpenMode.EXISTING)
                        .open());
    }

    /** Each call of the storage fails once. */
    @Test
    void aStorageThatFailsLeavesTheValueBefore() {
        var place = new FaultyStorageProvider(new InMemoryStorageProvider());
        try (var store = open(place, 1)) {
            store(store, "a", "0");
            String expected = "0";
            long calls = Long.MAX_VALUE;
            for (long failing = 1; failing <= calls; failing++) {
                place.failAt(failing);
                try {
                    store(store, "a", "value " + failing);
                    expected = "value " + failing;
                    calls = Math.min(calls, place.calls());
                } catch (MemGuardException e) {
                    assertEquals(ErrorCode.STORE_FAILED, e.code());
                }
                place.failAt(FaultyStorageProvider.NEVER);
                assertEquals(expected, read(store, "a"), "call " + failing + " has failed");
            }
            assertTrue(calls > 3, "calls: " + calls);
        }
    }
}
