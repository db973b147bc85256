package io.memguard.keylife;

import static io.memguard.keylife.Stores.*;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;
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
            public void erase(StoreContext context, KeyDescriptor record) {
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

    /** Dies when it has destroyed so many keys. */
    private static KeyProvider killedBehind(int most, KeyProvider provider) {
        return new Changed(provider) {
            private int erased;

            @Override
            public void erase(StoreContext context, KeyDescriptor record) {
                if (erased == most) {
                    throw new Stopped();
                }
                super.erase(context, record);
                erased++;
            }
        };
    }

    @Test
    void aRemovalInAnInterruptedChangeDestroysTheCurrentKeyLast() throws Exception {
        var token = SoftHsm.token();
        for (int destroyed = 0; destroyed <= 1; destroyed++) {
            try (var guard = open(directory, killedBehind(destroyed, token(token, "object=kk", KeyMode.ENVELOPE)))) {
                fill(guard, 1);
                assertThrows(
                        Stopped.class,
                        () -> guard.rekey(token(token, "object=nn", KeyMode.ENVELOPE), (done, all) -> {
                            throw new Stopped();
                        }));
                assertEquals(2, keys(token));
                assertThrows(Stopped.class, guard::cleanupAll);
            }
            assertFails(
                    ErrorCode.INVALID_ARGUMENTS,
                    () -> MemGuard.at(directory)
                            .keys(token(token, "object=kk", KeyMode.ENVELOPE))
                            .mode(OpenMode.EXISTING)
                            .open());
            assertEquals(0, keys(token), destroyed + " were destroyed before");
        }
    }

    /** Makes the next key when another process has removed the store as far as it may, and dies: it destroys nothing. */
    private KeyProvider killedBehindItsNewKey(KeyProvider keys, CountDownLatch asked) {
        return new Changed(keys) {
            private boolean dead;

            @Override
            public CreatedKey create(StoreContext store) {
                dead = true;
                asked.countDown();
                awaitRemoval();
                keys.create(store).key().close();
                throw new Stopped();
            }

            @Override
            public void erase(StoreContext store, KeyDescriptor record) {
                if (dead) {
                    throw new Stopped();
                }
                super.erase(store, record);
            }
        };
    }

    private void awaitRemoval() {
        Path metadata = directory.resolve("memguard_secure/store.meta");
        try {
            while (Files.exists(metadata) && !metadata(directory).contains("removing: yes")) {
                Thread.sleep(5);
            }
            for (int i = 0; i < 40 && Files.exists(metadata); i++) {
                Thread.sleep(5);
            }
        } catch (IOException e) { // Between the look and the reading it was removed.
            assertTrue(Files.notExists(metadata), e::toString);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aKeyMadeBesideARemovalIsDestroyedThoughItsMakerWasKilled() throws Exception {
        var token = SoftHsm.token();
        var left = directory.resolve("left.bcfks");
        for (Supplier<KeyProvider> keys : List.<Supplier<KeyProvider>>of(
                () -> token(token, "object=kk", KeyMode.ENVELOPE),
                () -> token(token, "object=kk", KeyMode.DIRECT),
                () -> software("one"),
                () -> software("one").container(left))) {
            open(directory, keys.get()).close();
            var asked = new CountDownLatch(1);
            try (var changing = open(directory, killedBehindItsNewKey(keys.get(), asked));
                    var removing = open(directory, keys.get())) {
                var change = new FutureTask<>(() -> assertThrows(Stopped.class, () -> changing.rotate(SILENT)));
                Thread.ofPlatform().start(change);
                asked.await();
                removing.cleanupAll();
                change.get();
            }
            assertFalse(Files.exists(directory.resolve("memguard_secure/store.meta")));
            assertEquals(0, keys(token));
            assertEquals(List.of(), containers(directory.resolve("memguard_secure")));
            try (Stream<Path> files = Files.list(directory)) {
                assertEquals(1, files.count(), "the store's folder");
            }
        }
    }

    /** It may be stopped, or its token may be slow: the values are gone all the same, and no key stays. */
    @Test
    void aMakerThatDoesNotEndKeepsOnlyTheKeysOfARemovedStore() throws Exception {
        var token = SoftHsm.token();
        var asked = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        var keys = token(token, "object=kk", KeyMode.ENVELOPE);
        open(directory, keys).close();
        var slow = new Changed(token(token, "object=kk", KeyMode.ENVELOPE)) {
            @Override
            public CreatedKey create(StoreContext store) {
                asked.countDown();
                assertDoesNotThrow(() -> goOn.await());
                return super.create(store);
            }
        };
        try (var changing = open(directory, slow);
                var removing = open(directory, token(token, "object=kk", KeyMode.ENVELOPE))) {
            fill(removing, 3);
            var change = new FutureTask<>(() -> assertFails(ErrorCode.KEY_INVALID, () -> changing.rotate(SILENT)));
            Thread.ofPlatform().start(change);
            asked.await();
            var failure = assertFails(ErrorCode.CLEANUP_FAILED, removing::cleanupAll);
            assertTrue(failure.getMessage().contains("another process is making a key"), failure.getMessage());
            assertTrue(metadata(directory).contains("removing: yes"));
            assertFails(ErrorCode.KEY_INVALID, () -> put(removing, "name 1", 1));
            goOn.countDown();
            change.get();
            assertEquals(1, keys(token), "the current one");
            removing.cleanupAll();
        }
        assertFalse(Files.exists(directory.resolve("memguard_secure/store.meta")));
        assertEquals(0, keys(token));
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
