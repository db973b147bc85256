package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store goes over to another key: nothing is lost, nobody waits, and the old key opens nothing. */
class RotationTest {
    private static final Progress SILENT = (done, total) -> {};

    @TempDir
    Path directory;

    private static SoftwareKeys software(String passphrase) {
        return SoftwareKeys.passphrase(() -> Secrets.text(passphrase)).cost(1, 8L << 20);
    }

    private MemGuard open(KeyProvider keys) {
        return MemGuard.at(directory).keys(keys).mode(OpenMode.OPEN_OR_CREATE).open();
    }

    private static void store(MemGuard guard, String name, long seed) {
        try (var value = Secrets.random(100 + seed % 50, seed)) {
            guard.store(name, value);
        }
    }

    private static void assertHolds(MemGuard guard, String name, long seed) {
        assertTrue(guard.<Boolean, RuntimeException>read(name, value -> Secrets.matches(value, seed)), name);
    }

    private static void fill(MemGuard guard, int count) {
        for (int i = 0; i < count; i++) {
            store(guard, "name " + i, i);
        }
    }

    private static void assertFilled(MemGuard guard, int count) {
        guard.cleanupMemory();
        for (int i = 0; i < count; i++) {
            assertHolds(guard, "name " + i, i);
        }
        assertEquals(count, guard.list().size());
        assertEquals(count, guard.stats().itemsCount());
    }

    private Path folder() {
        return directory.resolve("memguard_secure");
    }

    private String metadata() throws IOException {
        return Files.readString(folder().resolve("store.meta"), StandardCharsets.US_ASCII);
    }

    private List<String> containers() throws IOException {
        try (Stream<Path> files = Files.list(folder())) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.startsWith("keystore"))
                    .toList();
        }
    }

    private Map<String, String> dataFiles() throws IOException {
        var content = new TreeMap<String, String>();
        try (Stream<Path> files = Files.list(folder())) {
            for (Path file : files.filter(
                            path -> String.valueOf(path.getFileName()).startsWith("mg_"))
                    .toList()) {
                content.put(String.valueOf(file.getFileName()), Files.readString(file));
            }
        }
        return content;
    }

    @Test
    void everyFileIsReencryptedAndTheOldKeyIsGone() throws Exception {
        try (var guard = open(software("one"))) {
            fill(guard, 100);
            var before = dataFiles();
            String container = containers().getFirst();
            byte[] oldContainer = Files.readAllBytes(folder().resolve(container));
            var oldMetadata = metadata();
            var last = new AtomicReference<String>();
            guard.rotate((done, total) -> last.set(done + "/" + total));
            assertEquals("200/200", last.get());
            assertFilled(guard, 100);
            var after = dataFiles();
            assertEquals(before.keySet(), after.keySet());
            before.forEach((file, content) -> assertNotEquals(content, after.get(file), file));
            assertEquals(1, containers().size());
            assertNotEquals(container, containers().getFirst());
            assertFalse(metadata().contains("next-") || metadata().contains("old-"), metadata());
            // Whoever has kept the old key and its metadata opens nothing with it.
            Files.write(folder().resolve(container), oldContainer);
            Files.writeString(folder().resolve("store.meta"), oldMetadata);
            try (var thief = open(software("one"))) {
                for (int i = 0; i < 100; i++) {
                    String name = "name " + i;
                    var failure = assertThrows(
                            MemGuardException.class, () -> thief.<Boolean, RuntimeException>read(name, v -> true));
                    assertEquals(ErrorCode.RETRIEVE_FAILED, failure.code());
                }
            }
        }
    }

    @Test
    void itCanBeRepeatedAndSurvivesRestarts() {
        try (var guard = open(software("one"))) {
            fill(guard, 40);
            guard.rotate(SILENT);
            guard.rotate(SILENT);
        }
        try (var guard = open(software("one"))) {
            assertFilled(guard, 40);
            guard.rotate(SILENT);
            store(guard, "name 40", 40);
        }
        try (var guard = open(software("one"))) {
            assertFilled(guard, 41);
        }
    }

    @Test
    void anotherPassphraseOpensItAndTheOneBeforeDoesNot() {
        try (var guard = open(software("one"))) {
            fill(guard, 40);
            guard.rekey(software("two"), SILENT);
            assertFilled(guard, 40);
        }
        var failure = assertThrows(MemGuardException.class, () -> open(software("one")));
        assertEquals(ErrorCode.KEY_INVALID, failure.code());
        try (var guard = open(software("two"))) {
            assertFilled(guard, 40);
        }
    }

    @Test
    void itMovesFromSoftwareToATokenToAnotherTokenAndBack() throws Exception {
        var first = SoftHsm.token();
        var second = SoftHsm.token();
        try (var guard = open(software("one"))) {
            fill(guard, 40);
            guard.rekey(Pkcs11Keys.uri(first.uriWithPin("key")), SILENT);
            assertFilled(guard, 40);
            assertEquals(List.of(), containers());
        }
        try (var guard = open(Pkcs11Keys.uri(first.uriWithPin("key")))) {
            assertFilled(guard, 40);
            guard.rotate(SILENT);
            assertFilled(guard, 40);
        }
        assertEquals(1, first.tool("--list-objects").split("label: ", -1).length - 1, "one key is left");
        try (var guard = open(Pkcs11Keys.uri(first.uriWithPin("key")))) {
            guard.rekey(Pkcs11Keys.uri(second.uriWithPin("key") + "&x-mode=envelope"), SILENT);
            assertFilled(guard, 40);
        }
        assertEquals(
                "",
                first.tool("--list-objects").replaceAll("Using slot.*\\R?", "").strip());
        try (var guard = open(Pkcs11Keys.uri(second.uriWithPin("key")))) {
            assertFilled(guard, 40);
            guard.rekey(software("three"), SILENT);
        }
        try (var guard = open(software("three"))) {
            assertFilled(guard, 40);
        }
        assertEquals(
                "",
                second.tool("--list-objects").replaceAll("Using slot.*\\R?", "").strip());
    }

    /** What a process leaves that is killed after it has made the next key, and before the metadata names it. */
    private void leaveKey(KeyProvider keys) {
        String store = MemGuard.describe(directory).orElseThrow().storeId();
        keys.create(new StoreContext(store, folder()).ofExisting()).key().close();
    }

    @Test
    void aKeyThatAKilledRotationHasLeftIsRemovedByTheNextOne() throws Exception {
        try (var guard = open(software("one"))) {
            fill(guard, 10);
            leaveKey(software("one"));
            assertEquals(2, containers().size());
            guard.rotate(SILENT);
            assertEquals(1, containers().size());
            var token = SoftHsm.token();
            var keys = Pkcs11Keys.uri(token.uriWithPin("key"));
            try (var other = MemGuard.at(directory.resolve("other"))
                    .keys(Pkcs11Keys.uri(token.uriWithPin("another")))
                    .open()) {
                store(other, "name", 7);
                leaveKey(keys);
                guard.rekey(keys, SILENT);
                leaveKey(keys);
                guard.rotate(SILENT);
                assertFilled(guard, 10);
                other.cleanupMemory();
                assertHolds(other, "name", 7);
                assertEquals(
                        4,
                        token.tool("--list-objects").split("label: ", -1).length - 1,
                        "one key for each store, and two that this folder's journal does not know: a copy's, perhaps");
            }
        }
    }

    @Test
    void othersReadAndWriteMeanwhile() throws Exception {
        try (var guard = open(software("one"));
                var other = open(software("one"))) {
            fill(guard, 300);
            other.cleanupMemory();
            var stop = new AtomicBoolean();
            var failure = new AtomicReference<Throwable>();
            var writes = new AtomicLong();
            var threads = new ArrayList<Thread>();
            for (int t = 0; t < 3; t++) {
                int number = t;
                threads.add(Thread.ofPlatform().start(() -> {
                    try {
                        for (long round = 0; !stop.get(); round++) {
                            String own = "own " + number;
                            store(other, own, round);
                            other.cleanupMemory();
                            assertHolds(other, own, round);
                            int old = (int) (round * 7 % 300);
                            assertHolds(other, "name " + old, old);
                            other.list();
                            writes.incrementAndGet();
                        }
                    } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                    }
                }));
            }
            for (int i = 0; i < 4; i++) {
                guard.rotate(SILENT);
            }
            guard.rekey(software("two"), SILENT);
            long during = writes.get();
            while (writes.get() < during + 3 && failure.get() == null) {
                Thread.onSpinWait(); // It goes on with a key whose passphrase it was never told.
            }
            stop.set(true);
            for (Thread thread : threads) {
                thread.join();
            }
            if (failure.get() != null) {
                throw new AssertionError(failure.get());
            }
            assertTrue(during > 3, "they did something meanwhile");
        }
        try (var guard = open(software("two"))) {
            guard.cleanupMemory();
            for (int i = 0; i < 300; i++) {
                assertHolds(guard, "name " + i, i);
            }
        }
    }

    /** A provider before whose first opening something happens. */
    private record Late(KeyProvider keys, AtomicReference<Runnable> before) implements KeyProvider {
        @Override
        public String type() {
            return keys.type();
        }

        @Override
        public CreatedKey create(StoreContext store) {
            return keys.create(store);
        }

        @Override
        public StoreKey open(StoreContext store, KeyDescriptor record) {
            before.getAndSet(() -> {}).run();
            return keys.open(store, record);
        }

        @Override
        public void erase(StoreContext store, KeyDescriptor record) {
            keys.erase(store, record);
        }

        @Override
        public void close() {
            keys.close();
        }
    }

    @Test
    void aKeyThatIsReplacedWhileItIsOpenedIsNoError() {
        try (var guard = open(software("one"))) {
            fill(guard, 3);
            Runnable twice = () -> {
                guard.rotate(SILENT);
                guard.rotate(SILENT);
            };
            try (var late = open(new Late(software("one"), new AtomicReference<>(twice)))) {
                assertFilled(late, 3);
            }
        }
    }

    @Test
    void aReaderThatIsSlowOutlivesManyChangesOfTheKey() throws Exception {
        try (var guard = open(software("one"));
                var other = open(software("one"))) {
            fill(guard, 2);
            var stop = new AtomicBoolean();
            var failure = new AtomicReference<Throwable>();
            var threads = new ArrayList<Thread>();
            for (int t = 0;
                    t < 4;
                    t++) { // More than there are cores: some of them always wait in the middle of a read.
                int number = t % 2;
                threads.add(Thread.ofPlatform().start(() -> {
                    try {
                        while (!stop.get()) {
                            other.cleanupMemory();
                            assertHolds(other, "name " + number, number);
                            other.list();
                        }
                    } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                    }
                }));
            }
            for (int i = 0; i < 60 && failure.get() == null; i++) {
                guard.rotate(SILENT);
            }
            stop.set(true);
            for (Thread thread : threads) {
                thread.join();
            }
            if (failure.get() != null) {
                throw new AssertionError(failure.get());
            }
        }
    }

    /** Stops it from inside, as a kill would, but that the process lives. */
    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    @Test
    void interruptedAnywhereItGoesOnAndACopyOfEachMomentOpens() throws Exception {
        var copies = new ArrayList<Path>();
        try (var guard = open(software("one"))) {
            fill(guard, 100);
            for (int at = 0; at <= 200; at += 64) {
                int stop = at;
                assertThrows(
                        Stopped.class,
                        () -> guard.rotate((done, total) -> {
                            if (done >= stop) {
                                throw new Stopped();
                            }
                        }));
                assertTrue(metadata().contains("next-provider: software"), "both keys are kept");
                Path copy = directory.resolve("copy" + at);
                Files.createDirectory(copy);
                new ProcessBuilder("cp", "-a", folder().toString(), copy.toString())
                        .start()
                        .waitFor();
                copies.add(copy);
                store(guard, "name 100", 100);
            }
        }
        for (Path copy : copies) {
            try (var guard = MemGuard.at(copy).keys(software("one")).open()) {
                for (int i = 0; i < 100; i++) {
                    assertHolds(guard, "name " + i, i);
                }
                guard.rotate(SILENT);
                guard.cleanupMemory();
                assertHolds(guard, "name 99", 99);
            }
        }
        try (var guard = open(software("one"))) {
            assertFilled(guard, 101);
            guard.rotate(SILENT);
            assertFilled(guard, 101);
            assertFalse(metadata().contains("next-"), metadata());
        }
        assertEquals(1, containers().size());
    }

    @Test
    void aDamagedFileKeepsBothKeysUntilItIsFixed() throws Exception {
        try (var guard = open(software("one"))) {
            fill(guard, 10);
            Path file;
            try (Stream<Path> files = Files.list(folder())) {
                file = files.filter(path -> path.toString().endsWith(".dat"))
                        .findFirst()
                        .orElseThrow();
            }
            String content = Files.readString(file);
            Files.writeString(
                    file, content.substring(0, 40) + (content.charAt(40) == 'A' ? 'B' : 'A') + content.substring(41));
            var failure = assertThrows(MemGuardException.class, () -> guard.rotate(SILENT));
            assertEquals(ErrorCode.STORE_FAILED, failure.code());
            assertTrue(failure.getMessage().startsWith("1 files are damaged"), failure.getMessage());
            Files.writeString(file, content); // From a backup, which is under the old key.
            guard.rotate(SILENT);
            assertFilled(guard, 10);
        }
    }

    @Test
    void changedMetadataOfARotationIsNoticed() throws Exception {
        try (var guard = open(software("one"))) {
            fill(guard, 10);
            assertThrows(
                    Stopped.class,
                    () -> guard.rotate((done, total) -> {
                        throw new Stopped();
                    }));
        }
        String whole = metadata();
        for (String line :
                whole.lines().filter(text -> text.startsWith("next-")).toList()) {
            String other = line.substring(0, line.length() - 1) + (line.endsWith("x") ? "y" : "x");
            Files.writeString(folder().resolve("store.meta"), whole.replace(line + "\n", other + "\n"));
            var changed = assertThrows(MemGuardException.class, () -> open(software("one")), line);
            assertEquals(ErrorCode.SECURITY_ERROR, changed.code(), line);
            Files.writeString(folder().resolve("store.meta"), whole.replace(line + "\n", ""));
            var cut = assertThrows(MemGuardException.class, () -> open(software("one")), line);
            assertEquals(ErrorCode.SECURITY_ERROR, cut.code(), line);
        }
        Files.writeString(folder().resolve("store.meta"), whole);
        try (var guard = open(software("one"))) {
            assertFilled(guard, 10);
        }
    }

    @Test
    void cleanupAllInTheMidstOfARotationRemovesBothKeys() throws Exception {
        try (var guard = open(software("one"))) {
            fill(guard, 10);
            assertThrows(
                    Stopped.class,
                    () -> guard.rotate((done, total) -> {
                        throw new Stopped();
                    }));
            assertEquals(2, containers().size());
            guard.cleanupAll();
            assertEquals(List.of(), containers());
        }
    }
}
