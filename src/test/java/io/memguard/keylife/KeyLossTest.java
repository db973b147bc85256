package io.memguard.keylife;

import static io.memguard.keylife.Stores.*;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyProviders;
import io.memguard.keys.StoreContext;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * No key change loses a value or a store. Each test was a loss once. Twice at once, stopped between steps, by a provider of
 * before, in a copy, with keys of one name in two tokens; from two processes: ManyProcessesTest; killed at each call: KillTest.
 */
class KeyLossTest {
    @TempDir
    Path directory;

    private Path store;

    private Path store() {
        if (store == null) {
            store = directory.resolve("store");
        }
        return store;
    }

    private void interrupt(KeyProvider with, KeyProvider to) {
        try (var guard = open(store(), with)) {
            assertThrows(
                    Stopped.class,
                    () -> guard.rekey(to, (done, total) -> {
                        throw new Stopped();
                    }));
        }
    }

    private void interruptRotation(KeyProvider with) {
        try (var guard = open(store(), with)) {
            assertThrows(
                    Stopped.class,
                    () -> guard.rotate((done, total) -> {
                        throw new Stopped();
                    }));
        }
    }

    private void make(KeyProvider keys) {
        try (var guard = open(store(), keys)) {
            fill(guard, 10);
        }
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void rotatingWithAnIdInTheUriMakesAnotherKeyAndKeepsTheStore(KeyMode mode) {
        var token = SoftHsm.token();
        make(token(token, "object=app;id=%01", mode));
        for (int i = 0; i < 3; i++) {
            try (var guard = open(store(), token(token, "object=app;id=%01", mode))) {
                guard.rotate(SILENT);
            }
            assertOpens(store(), () -> token(token, "object=app;id=%01", mode), 10);
        }
        // The id was the caller's choice, so that others may use that key: it stays. Those that followed do not.
        assertEquals(2, keys(token));
    }

    @Test
    void ofTwoRotationsAtOnceOneIsRefusedAndNothingIsLost() throws Exception {
        make(software("one"));
        var paused = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        var failure = new AtomicReference<Throwable>();
        try (var slow = open(store(), software("one"));
                var fast = open(store(), software("one"))) {
            var thread = Thread.ofPlatform().start(() -> {
                try {
                    slow.rotate((done, total) -> {
                        paused.countDown();
                        await(goOn);
                    });
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
            await(paused);
            var refused = assertFails(ErrorCode.STORE_FAILED, () -> fast.rotate(SILENT));
            assertTrue(refused.getMessage().contains("another call or process"), refused.getMessage());
            assertFails(ErrorCode.STORE_FAILED, () -> slow.rotate(SILENT));
            put(fast, "name 3", 3);
            goOn.countDown();
            thread.join();
            assertNull(failure.get());
            fast.rotate(SILENT);
        }
        assertOpens(store(), () -> software("one"), 10);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(60, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aStoreThatIsOpenedWhileARotationBeginsWritesUnderTheNextKey() {
        make(software("one"));
        try (var rotating = open(store(), software("one"))) {
            var other = new AtomicReference<MemGuard>();
            var late = new Changed(software("one")) {
                @Override
                public io.memguard.keys.StoreKey open(StoreContext context, io.memguard.keys.KeyDescriptor record) {
                    if (other.get() == null) { // It has read the metadata, and not the counters.
                        other.set(rotating);
                        assertThrows(
                                Stopped.class,
                                () -> rotating.rotate((done, total) -> {
                                    throw new Stopped();
                                }));
                    }
                    return super.open(context, record);
                }
            };
            try (var opened = open(store(), late)) {
                put(opened, "name 10", 10);
                rotating.rotate(SILENT);
                assertTrue(holds(opened, "name 10", 10));
                put(opened, "name 11", 11);
            }
        }
        assertOpens(store(), () -> software("one"), 12);
    }

    @Test
    void aRekeyNeverJoinsAnotherChange() {
        make(software("one"));
        interruptRotation(software("one"));
        try (var guard = open(store(), software("one"))) {
            guard.rekey(software("two"), SILENT); // Its own rotation is ended first.
        }
        assertOpens(store(), () -> software("two"), 10);
        assertRefused(store(), () -> software("one"));

        interrupt(software("two"), software("mistyped"));
        try (var guard = open(store(), software("two"))) {
            var refused = assertFails(ErrorCode.KEY_INVALID, () -> guard.rekey(software("three"), SILENT));
            assertTrue(refused.getMessage().contains("rekey --abort"), refused.getMessage());
        }
        assertOpens(store(), () -> software("two"), 10);
        assertRefused(store(), () -> software("mistyped"));
        try (var guard = open(store(), software("two"))) {
            guard.abortRekey(SILENT);
            guard.rekey(software("three"), SILENT);
        }
        assertOpens(store(), () -> software("three"), 10);
        assertRefused(store(), () -> software("two"));
        assertRefused(store(), () -> software("mistyped"));
    }

    @Test
    void anInterruptedRekeyIsContinuedByTheSameCall() throws Exception {
        make(software("one"));
        interrupt(software("one"), software("two"));
        try (var guard = open(store(), software("one"))) {
            put(guard, "name 10", 10);
            guard.rekey(software("two"), SILENT);
        }
        assertOpens(store(), () -> software("two"), 11);
        assertRefused(store(), () -> software("one"));
        assertFalse(metadata(store()).contains("next-"));
        assertEquals(1, containers(store().resolve("memguard_secure")).size());
    }

    @Test
    void rotateNeverEndsOrUndoesARekey() {
        make(software("one"));
        interrupt(software("one"), software("two"));
        try (var guard = open(store(), software("one"))) {
            assertFails(ErrorCode.KEY_INVALID, () -> guard.rotate(SILENT));
            guard.rekey(software("two"), SILENT);
            guard.rotate(SILENT); // With the provider that it has by now.
        }
        assertOpens(store(), () -> software("two"), 10);
    }

    @Test
    void aServiceOfBeforeARekeyCannotTakeTheStoreBack() {
        make(software("one"));
        try (var service = open(store(), software("one"));
                var operator = open(store(), software("one"))) {
            operator.rekey(software("two"), (done, total) -> put(service, "name 10", 10));
            put(service, "name 11", 11); // It looked while the change was under way, and goes on.
            assertTrue(holds(service, "name 3", 3));
            var refused = assertFails(ErrorCode.KEY_INVALID, () -> service.rotate(SILENT));
            assertTrue(refused.getMessage().contains("open the store again"), refused.getMessage());
            assertFails(ErrorCode.KEY_INVALID, () -> service.rekey(software("three"), SILENT));
        }
        assertOpens(store(), () -> software("two"), 12);
        assertRefused(store(), () -> software("one"));
    }

    @Test
    void aServiceThatWasIdleDuringARekeyIsToldSo() {
        make(software("one"));
        try (var service = open(store(), software("one"));
                var operator = open(store(), software("one"))) {
            assertTrue(holds(service, "name 1", 1));
            operator.rekey(software("two"), SILENT);
            for (Runnable call :
                    new Runnable[] {() -> put(service, "name 10", 10), () -> holds(service, "name 5", 5), service::list
                    }) {
                var failure = assertFails(ErrorCode.KEY_INVALID, call);
                assertTrue(failure.getMessage().contains("changed since it was opened here"), failure.getMessage());
            }
            try (var rotated = open(store(), software("two"))) {
                operator.rotate(SILENT);
                assertTrue(holds(rotated, "name 5", 5), "idle through a rotation");
                put(rotated, "name 10", 10);
            }
        }
        assertOpens(store(), () -> software("two"), 11);
    }

    @Test
    void theKeyOfOneTokenIsNeverDestroyedForThatOfAnother() throws Exception {
        var first = SoftHsm.token();
        var second = SoftHsm.token();
        make(withoutErase(token(first, "object=kk", KeyMode.ENVELOPE)));
        try (var guard = open(store(), withoutErase(token(first, "object=kk", KeyMode.ENVELOPE)))) {
            var failed = assertFails(
                    ErrorCode.CLEANUP_FAILED, () -> guard.rekey(token(second, "object=kk", KeyMode.ENVELOPE), SILENT));
            assertTrue(failed.getMessage().contains(first.label()), failed.getMessage());
            put(guard, "name 10", 10);
        }
        for (int i = 0; i < 2; i++) {
            assertOpens(store(), () -> token(second, "object=kk", KeyMode.ENVELOPE), 11);
        }
        assertEquals(1, keys(first));
        assertTrue(metadata(store()).contains("old-provider: pkcs11"), "it is still named");
        try (var guard = open(
                store(),
                KeyProviders.firstOf(
                        token(second, "object=kk", KeyMode.ENVELOPE), token(first, "object=kk", KeyMode.ENVELOPE)))) {
            put(guard, "name 11", 11);
        }
        assertEquals(0, keys(first));
        assertFalse(metadata(store()).contains("old-"));
        assertOpens(store(), () -> token(second, "object=kk", KeyMode.ENVELOPE), 12);
    }

    @Test
    void anotherStoresContainerIsNeverDeleted() throws Exception {
        Path stick = Files.createDirectories(directory.resolve("stick"));
        Path other = directory.resolve("other");
        try (var guard = open(other, software("other").container(stick.resolve("ks")))) {
            fill(guard, 3);
        }
        make(software("one"));
        try (var guard = open(store(), withoutErase(software("one")))) {
            assertFails(
                    ErrorCode.CLEANUP_FAILED,
                    () -> guard.rekey(withoutErase(software("two").container(stick.resolve("ks"))), SILENT));
        }
        for (int i = 0; i < 2; i++) {
            assertOpens(store(), () -> software("two").container(stick.resolve("ks")), 10);
        }
        assertOpens(other, () -> software("other").container(stick.resolve("ks")), 3);
        assertEquals(2, containers(stick).size());
        assertEquals(0, containers(store().resolve("memguard_secure")).size(), "its own old one is gone by now");
    }

    /** Who opens clears what killed writers have left, and took a container that was being written for such a file. */
    @Test
    void anOpeningDuringARotationLeavesItsUnfinishedContainer() throws Exception {
        make(software("one"));
        Path folder = store().resolve("memguard_secure");
        Path unfinished = folder.resolve(".tmp_key_0123456789abcdef");
        var during = new Changed(software("one")) {
            @Override
            public CreatedKey create(StoreContext context) {
                writeAndOpenElsewhere(folder, unfinished);
                assertTrue(Files.exists(unfinished));
                return super.create(context);
            }
        };
        try (var guard = open(store(), during)) {
            guard.rotate(SILENT);
        }
        assertTrue(Files.exists(unfinished));
        writeAndOpenElsewhere(folder, unfinished);
        assertFalse(Files.exists(unfinished));
        assertOpens(store(), () -> software("one"), 10);
    }

    /** Without its counts, a store looks like one with a killed writer. */
    private void writeAndOpenElsewhere(Path folder, Path unfinished) {
        try {
            Files.write(unfinished, new byte[10]);
            Files.delete(folder.resolve("store.totals"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        open(store(), software("one")).close();
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void firstOfMakesAndDestroysKeysWhereTheStoresKeyIs(KeyMode mode) {
        var first = SoftHsm.token();
        var second = SoftHsm.token();
        make(token(second, "object=kk;id=%04", mode));
        for (int i = 0; i < 3; i++) {
            try (var guard = open(
                    store(),
                    KeyProviders.firstOf(
                            token(first, "object=kk;id=%04", mode), token(second, "object=kk;id=%04", mode)))) {
                guard.rotate(SILENT);
            }
            assertOpens(store(), () -> token(second, "object=kk;id=%04", mode), 10);
        }
        assertEquals(0, keys(first));
    }

    @Test
    void rotateNeverMovesAStoreToAnotherCandidate() {
        var token = SoftHsm.token();
        make(token(token, "object=kk", KeyMode.ENVELOPE));
        var busy = new AtomicBoolean(true);
        var full = new Changed(token(token, "object=kk", KeyMode.ENVELOPE)) {
            @Override
            public CreatedKey create(StoreContext context) {
                if (busy.getAndSet(false)) {
                    throw new MemGuardException(ErrorCode.KEY_INVALID, "the token is full; make room in it");
                }
                return super.create(context);
            }
        };
        try (var guard = open(store(), KeyProviders.firstOf(full, software("fallback")))) {
            assertFails(ErrorCode.KEY_INVALID, () -> guard.rotate(SILENT));
            guard.rotate(SILENT);
        }
        assertOpens(store(), () -> token(token, "object=kk", KeyMode.ENVELOPE), 10);
        assertEquals(1, keys(token));
    }

    @Test
    void aKeyThatMemGuardMadeForAStoreIsNotOfferedToAnother() {
        var token = SoftHsm.token();
        make(token(token, "object=shared", KeyMode.ENVELOPE));
        var refused = assertFails(
                ErrorCode.KEY_INVALID,
                () -> open(directory.resolve("other"), token(token, "object=shared", KeyMode.ENVELOPE)));
        assertFalse(refused.getMessage().contains("id="), refused.getMessage());
        // One with an id of the caller's choice may be shared: neither destroys it.
        Path third = directory.resolve("third");
        Path fourth = directory.resolve("fourth");
        for (Path each : new Path[] {third, fourth}) {
            try (var guard = open(each, token(token, "object=both;id=%05", KeyMode.ENVELOPE))) {
                fill(guard, 3);
            }
        }
        try (var guard = open(third, token(token, "object=both;id=%05", KeyMode.ENVELOPE))) {
            guard.rotate(SILENT);
            guard.cleanupAll();
        }
        assertOpens(fourth, () -> token(token, "object=both;id=%05", KeyMode.ENVELOPE), 3);
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void rotatingOrRemovingACopyLeavesTheOriginalItsKey(KeyMode mode) throws Exception {
        var token = SoftHsm.token();
        make(token(token, "object=kk", mode));
        Path copy = directory.resolve("copy");
        Path another = directory.resolve("another");
        copy(store(), copy);
        copy(store(), another);
        try (var guard = open(copy, token(token, "object=kk", mode))) {
            guard.rotate(SILENT);
            guard.rotate(SILENT);
            assertEquals(1, guard.forgetOldKeys().size());
        }
        try (var guard = open(another, token(token, "object=kk", mode))) {
            var left = assertFails(ErrorCode.CLEANUP_FAILED, guard::cleanupAll);
            assertTrue(left.getMessage().contains("copied or moved"), left.getMessage());
        }
        assertOpens(store(), () -> token(token, "object=kk", mode), 10);
        assertOpens(copy, () -> token(token, "object=kk", mode), 10);
        assertEquals(2, keys(token));
        try (var guard = open(store(), token(token, "object=kk", mode))) {
            guard.rotate(SILENT);
        }
        assertOpens(store(), () -> token(token, "object=kk", mode), 10);
        assertOpens(copy, () -> token(token, "object=kk", mode), 10);
        assertEquals(2, keys(token));
    }

    @Test
    void aStoreAndItsCopyCanMoveToOneToken() throws Exception {
        var token = SoftHsm.token();
        make(software("one"));
        Path copy = directory.resolve("copy");
        copy(store(), copy);
        for (Path each : new Path[] {copy, store(), copy, store()}) {
            try (var guard =
                    open(each, KeyProviders.firstOf(software("one"), token(token, "object=kk", KeyMode.DIRECT)))) {
                guard.rekey(token(token, "object=kk", KeyMode.DIRECT), SILENT);
            }
        }
        assertOpens(copy, () -> token(token, "object=kk", KeyMode.DIRECT), 10);
        assertOpens(store(), () -> token(token, "object=kk", KeyMode.DIRECT), 10);
    }

    @Test
    void rotatingACopyLeavesTheOriginalItsContainerElsewhere() throws Exception {
        Path container = Files.createDirectories(directory.resolve("stick")).resolve("ks");
        make(software("one").container(container));
        Path copy = directory.resolve("copy");
        copy(store(), copy);
        try (var guard = open(copy, software("one").container(container))) {
            guard.rotate(SILENT);
        }
        assertOpens(store(), () -> software("one").container(container), 10);
        assertOpens(copy, () -> software("one").container(container), 10);
    }

    @Test
    void anInterruptedChangeToADirectKeyReadsAndIsContinuedOrGivenUp() {
        var token = SoftHsm.token();
        KeyProvider[] direct = {token(token, "object=kk", KeyMode.DIRECT), token(token, "object=kk", KeyMode.DIRECT)};
        make(software("one"));
        interrupt(software("one"), direct[0]);
        try (var guard = open(store(), software("one"))) {
            assertTrue(holds(guard, "name 5", 5), "it is under the key before");
            var refused = assertFails(ErrorCode.KEY_INVALID, () -> put(guard, "name 10", 10));
            assertTrue(refused.getMessage().contains("open it with both keys"), refused.getMessage());
            guard.rekey(direct[1], SILENT);
            put(guard, "name 10", 10);
        }
        assertOpens(store(), () -> token(token, "object=kk", KeyMode.DIRECT), 11);
        assertRefused(store(), () -> software("one"));
    }

    @Test
    void aReaderOfADirectKeyFollowsARotationElsewhere() {
        var token = SoftHsm.token();
        make(token(token, "object=kk", KeyMode.DIRECT));
        try (var reader = open(store(), token(token, "object=kk", KeyMode.DIRECT));
                var operator = open(store(), token(token, "object=kk", KeyMode.DIRECT))) {
            assertTrue(holds(reader, "name 1", 1));
            operator.rotate(SILENT);
            assertTrue(holds(reader, "name 2", 2));
            assertEquals(10, reader.list().size());
            reader.cleanupMemory();
            assertTrue(holds(reader, "name 1", 1));
        }
    }

    @Test
    void whatCouldNotBeDestroyedStaysNamedUntilItIs() throws Exception {
        make(software("one"));
        Path stick = Files.createDirectories(directory.resolve("stick"));
        try (var guard = open(store(), software("one"))) {
            guard.rekey(software("two").container(stick.resolve("ks")), SILENT);
            Files.move(stick, directory.resolve("away")); // The medium is not there.
            assertFails(ErrorCode.CLEANUP_FAILED, () -> guard.rekey(software("three"), SILENT));
            Files.move(directory.resolve("away"), stick);
            guard.rotate(SILENT);
            put(guard, "name 10", 10);
        } catch (MemGuardException e) {
            assertEquals(
                    ErrorCode.CLEANUP_FAILED, e.code(), e.getMessage()); // By a provider that does not know the place.
        }
        assertTrue(metadata(store()).contains("old-provider: software"));
        assertOpens(store(), () -> software("three"), 10);
        assertEquals(1, containers(stick).size());
        var both = KeyProviders.firstOf(software("three"), software("two").container(stick.resolve("ks")));
        open(store(), both).close();
        assertEquals(0, containers(stick).size());
        assertFalse(metadata(store()).contains("old-"));
    }

    @Test
    void afterAFailureToDestroyTheInstanceGoesOnWithTheNewProvider() {
        make(software("one"));
        try (var guard = open(store(), withoutErase(software("one")))) {
            assertFails(ErrorCode.CLEANUP_FAILED, () -> guard.rekey(withoutErase(software("two")), SILENT));
            assertFails(ErrorCode.CLEANUP_FAILED, () -> guard.rotate(SILENT));
        }
        assertOpens(store(), () -> software("two"), 10);
        assertRefused(store(), () -> software("one"));
    }

    @Test
    void aPassphraseThatDoesNotOpenItsNewKeyAgainChangesNothing() {
        make(software("one"));
        var count = new java.util.concurrent.atomic.AtomicInteger();
        var changing = io.memguard.keys.software.SoftwareKeys.passphrase(
                        () -> io.memguard.Secrets.text("two " + count.getAndIncrement()))
                .cost(1, 8L << 20);
        try (var guard = open(store(), software("one"))) {
            var refused = assertFails(ErrorCode.STORE_FAILED, () -> guard.rekey(changing, SILENT));
            assertTrue(refused.getMessage().contains("rekey --abort"), refused.getMessage());
            put(guard, "name 10", 10);
            guard.abortRekey(SILENT);
        }
        assertOpens(store(), () -> software("one"), 11);
    }

    @Test
    void aBackupThatIsRestoredUnderAnOpenStoreMixesNoKeys() throws Exception {
        make(software("one"));
        Path backup = directory.resolve("backup");
        copy(store(), backup);
        try (var service = open(store(), software("one"))) {
            service.rotate(SILENT);
            put(service, "name 10", 10);
            assertEquals(
                    0,
                    new ProcessBuilder(
                                    "cp",
                                    "-a",
                                    backup.resolve("memguard_secure/.").toString(),
                                    store().resolve("memguard_secure").toString())
                            .start()
                            .waitFor());
            put(service, "name 11", 11);
        }
        try (var guard = open(store(), software("one"))) {
            assertTrue(holds(guard, "name 11", 11));
            for (int i = 0; i < 10; i++) {
                assertTrue(holds(guard, "name " + i, i));
            }
        }
    }
}
