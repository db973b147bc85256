package io.memguard.keylife;

import static io.memguard.keylife.Stores.*;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.StoreContext;
import io.memguard.tokens.SoftHsm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The end of a store, stopped before and after its key is destroyed, and handles that outlive it. */
class RemovedStoreTest {
    @TempDir
    Path directory;

    /** Stops like a kill, before or after the key is gone. */
    private static KeyProvider stopping(KeyProvider keys, boolean after) {
        return new Changed(keys) {
            @Override
            public void erase(StoreContext context, KeyRecord record) {
                if (after) {
                    super.erase(context, record);
                }
                throw new Stopped();
            }
        };
    }

    private void removeHalf(KeyProvider keys, boolean after) {
        try (var guard = open(directory, stopping(keys, after))) {
            fill(guard, 3);
            assertThrows(Stopped.class, guard::cleanupAll);
        }
    }

    @Test
    void aRemovalThatWasKilledIsEndedByTheNextOpening() throws Exception {
        var token = SoftHsm.token();
        for (boolean after : new boolean[] {false, true}) {
            removeHalf(token(token, "object=kk", KeyMode.ENVELOPE), after);
            assertTrue(metadata(directory).contains("removing: yes"));
            assertFails(
                    ErrorCode.INVALID_ARGUMENTS,
                    () -> MemGuard.at(directory)
                            .keys(token(token, "object=kk", KeyMode.ENVELOPE))
                            .mode(OpenMode.EXISTING)
                            .open());
            assertEquals(0, keys(token));
            removeHalf(software("one"), after);
            try (var guard = open(directory, software("two"))) {
                if (after) {
                    assertEquals(0, guard.list().size());
                }
                guard.cleanupAll();
            } catch (MemGuardException e) {
                assertFalse(
                        after, e.getMessage()); // The key is there, and the passphrase is not the one that opens it.
                assertTrue(e.getMessage().contains("being removed"), e.getMessage());
                open(directory, software("one")).cleanupAll();
            }
            assertEquals(0, containers(directory.resolve("memguard_secure")).size());
        }
    }

    @Test
    void aHandleThatOutlivesItsStoreSpeaksOfNoOther() {
        try (var old = open(directory, software("one"))) {
            fill(old, 3);
            old.cleanupAll();
            assertFalse(old.contains("name 1"));
            assertEquals(0, old.stats().itemsCount());
            try (var next = open(directory, software("one"))) {
                fill(next, 2);
                assertFails(ErrorCode.KEY_INVALID, () -> old.contains("name 1"));
                assertFails(ErrorCode.KEY_INVALID, old::stats);
                assertFails(ErrorCode.KEY_INVALID, () -> put(old, "name 1", 7));
                assertTrue(holds(next, "name 1", 1));
            }
        }
    }

    @Test
    void aKeyThatCouldNotBeDestroyedIsNamedUntilItIs() throws Exception {
        var token = SoftHsm.token();
        try (var guard = open(directory, withoutErase(token(token, "object=kk", KeyMode.ENVELOPE)))) {
            fill(guard, 3);
            assertFails(ErrorCode.CLEANUP_FAILED, guard::cleanupAll);
            assertTrue(metadata(directory).contains("removing: yes"));
            assertFails(ErrorCode.CLEANUP_FAILED, guard::cleanupAll);
            assertFails(ErrorCode.KEY_INVALID, () -> put(guard, "name 1", 1));
        }
        open(directory, token(token, "object=kk", KeyMode.ENVELOPE)).close();
        assertEquals(1, keys(token), "the new store's");
    }

    @Test
    void aNameThatIsDamagedIsWrittenAgainWithItsValue() throws Exception {
        try (var guard = open(directory, software("one"))) {
            fill(guard, 3);
            Path folder = directory.resolve("memguard_secure");
            try (Stream<Path> files = Files.list(folder)) {
                for (Path name :
                        (Iterable<Path>) files.filter(file -> file.toString().endsWith(".name"))::iterator) {
                    Files.writeString(name, "damaged");
                }
            }
            assertEquals(0, guard.list().size());
            assertFails(ErrorCode.STORE_FAILED, () -> guard.rotate(SILENT));
            fill(guard, 3);
            assertEquals(3, guard.list().size());
            guard.rotate(SILENT);
        }
        assertOpens(directory, () -> software("one"), 3);
    }
}
