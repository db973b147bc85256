package io.memguard.rollback;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Progress;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.RollbackRecords;
import io.memguard.keys.SecretSources;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.pkcs11.Pkcs11Records;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import io.memguard.tokens.Tools;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Older files, or an older store, that are put back in place of the newest are found out, with records in a token. */
class RollbackTest {
    private static final Progress QUIET = (done, all) -> {};

    @TempDir
    Path temporary = Path.of("");

    private SoftHsm.Token token;

    @BeforeEach
    void takeAToken() {
        token = SoftHsm.token();
    }

    private Path store() {
        return temporary.resolve("store");
    }

    private Path files() {
        return store().resolve("memguard_secure");
    }

    private RollbackRecords records() {
        return Pkcs11Records.uri(token.uri("records"), SecretSources.file(token.pinFile()));
    }

    /** Cheap to open: what is tested here is not Argon2id. */
    private static KeyProvider software() {
        return RollbackWorker.keys();
    }

    private KeyProvider tokenKeys() {
        return Pkcs11Keys.uri(token.uri("key"), SecretSources.file(token.pinFile()));
    }

    private MemGuard open() {
        return open(software());
    }

    private MemGuard open(KeyProvider keys) {
        return MemGuard.at(store()).keys(keys).detectRollback(records()).open();
    }

    private static void store(MemGuard guard, String name, String value) {
        try (var secret = Secrets.text(value)) {
            guard.store(name, secret);
        }
    }

    private static Optional<String> read(MemGuard guard, String name) {
        return guard.secret(name).map(secret -> secret.<String, RuntimeException>read(Secrets::text));
    }

    private void copy(Path from, Path to) {
        Tools.run(java.util.Map.of(), "cp", "-a", from.toString(), to.toString());
    }

    /** In the order of their hashes. */
    private List<Path> valueFiles() throws IOException {
        try (Stream<Path> all = Files.list(files())) {
            return all.filter(file -> file.toString().endsWith(".dat")).sorted().toList();
        }
    }

    private static void assertRolledBack(Callable<?> call) {
        var refused = assertThrows(MemGuardException.class, call::call);
        assertEquals(ErrorCode.SECURITY_ERROR, refused.code(), refused.getMessage());
        assertTrue(refused.getMessage().contains("an older state was put back"), refused.getMessage());
        assertTrue(refused.getMessage().contains("memguard records accept"), refused.getMessage());
    }

    @Test
    void aSingleFileThatIsPutBackIsFoundOutAndTheOthersStillWork() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open()) {
            store(guard, "a", "old");
            Path file = valueFiles().getFirst();
            Files.copy(file, old);
            store(guard, "a", "new");
            store(guard, "b", "other");
            Files.copy(old, file, StandardCopyOption.REPLACE_EXISTING);
            guard.cleanupMemory();
            assertRolledBack(() -> read(guard, "a"));
            assertEquals(Optional.of("other"), read(guard, "b"));
            assertEquals(List.of("a", "b"), guard.list());
            assertEquals(2, guard.stats().itemsCount());
            assertTrue(guard.contains("b"));
            store(guard, "a", "newest");
            guard.cleanupMemory();
            assertEquals(Optional.of("newest"), read(guard, "a"), "a new value mends it");
        }
    }

    @Test
    void aWholeDirectoryThatIsPutBackIsFoundOut() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open()) {
            store(guard, "a", "old");
        }
        copy(store(), old);
        try (var guard = open()) {
            store(guard, "a", "new");
            store(guard, "b", "added");
            guard.delete("a");
        }
        Files.move(store(), temporary.resolve("replaced"));
        copy(old, store());
        try (var guard = open()) {
            assertRolledBack(() -> read(guard, "a"));
            assertRolledBack(() -> read(guard, "b"));
            assertRolledBack(() -> guard.contains("a"));
            assertRolledBack(() -> guard.contains("b"));
        }
    }

    @Test
    void aDeletedSecretThatIsPutBackIsFoundOut() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open()) {
            store(guard, "a", "value");
            copy(files(), old);
            assertTrue(guard.delete("a"));
            assertEquals(Optional.empty(), read(guard, "a"));
            assertFalse(guard.contains("a"));
            copy(old.resolve("."), files());
            assertRolledBack(() -> read(guard, "a"));
            assertRolledBack(() -> guard.contains("a"));
            assertTrue(guard.delete("a"));
            assertFalse(guard.contains("a"), "deleting it again mends it");
        }
    }

    @Test
    void aFileThatIsRemovedIsNoSecretThatNeverWas() throws Exception {
        try (var guard = open()) {
            store(guard, "a", "value");
            Files.delete(valueFiles().getFirst());
            guard.cleanupMemory();
            assertRolledBack(() -> read(guard, "a"));
            assertRolledBack(() -> guard.contains("a"));
            assertEquals(Optional.empty(), read(guard, "never stored"));
        }
    }

    @Test
    void metadataThatArePutBackAreFoundOutWhenTheStoreIsOpened() throws Exception {
        Path metadata = files().resolve("store.meta");
        Path old = temporary.resolve("old");
        open().close();
        Files.copy(metadata, old);
        try (var guard = open()) {
            guard.rotate(QUIET);
        }
        Files.copy(old, metadata, StandardCopyOption.REPLACE_EXISTING);
        assertRolledBack(this::open);
    }

    /** The flag in the directory can be put back, what the user asks for can't. */
    @Test
    void aStoreOfATimeBeforeTheRecordsIsFoundOut() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = MemGuard.at(store()).keys(software()).open()) {
            store(guard, "a", "value");
        }
        copy(store(), old);
        var refused = assertThrows(MemGuardException.class, this::open);
        assertTrue(refused.getMessage().contains("memguard records accept"), refused.getMessage());
        assertEquals(0, accept(), "nothing was recorded before");
        try (var guard = open()) {
            assertEquals(Optional.of("value"), read(guard, "a"));
        }
        Files.move(store(), temporary.resolve("replaced"));
        copy(old, store());
        assertRolledBack(this::open);
    }

    private long accept() {
        return MemGuard.at(store()).keys(software()).detectRollback(records()).trustCurrentState(QUIET);
    }

    @Test
    void aBackupThatIsRestoredOnPurposeCanBeAccepted() throws Exception {
        Path backup = temporary.resolve("backup");
        try (var guard = open()) {
            store(guard, "a", "old");
            store(guard, "kept", "kept");
        }
        copy(store(), backup);
        try (var guard = open()) {
            store(guard, "a", "new");
            store(guard, "b", "added");
            guard.rotate(QUIET);
        }
        Files.move(store(), temporary.resolve("replaced"));
        copy(backup, store());
        assertRolledBack(this::open);
        assertEquals(3, accept(), "a and kept (sealed anew by the rotation) differ, b is missing");
        try (var guard = open()) {
            assertEquals(Optional.of("old"), read(guard, "a"));
            assertEquals(Optional.of("kept"), read(guard, "kept"));
            assertEquals(Optional.empty(), read(guard, "b"));
        }
    }

    @Test
    void whoDoesNotSayWhereTheRecordsAreIsRefused() {
        try (var guard = open()) {
            store(guard, "a", "value");
        }
        var refused = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(store()).keys(software()).open().secret("a"));
        assertEquals(ErrorCode.SECURITY_ERROR, refused.code());
        assertTrue(refused.getMessage().contains("--records"), refused.getMessage());
        var other = SoftHsm.token();
        var wrong = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(store())
                        .keys(software())
                        .detectRollback(Pkcs11Records.uri(other.uri("records"), SecretSources.file(other.pinFile())))
                        .open());
        assertTrue(wrong.getMessage().contains("not the right token"), wrong.getMessage());
    }

    @Test
    void rotationBulkStoresAndATokensOwnKeyKeepTheRecords() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open(tokenKeys())) {
            try (var one = Secrets.text("1");
                    var two = Secrets.text("2")) {
                var values = new LinkedHashMap<String, io.memguard.SecretBuffer>();
                values.put("a", one);
                values.put("b", two);
                guard.storeAll(values);
            }
            copy(files(), old);
            guard.rotate(QUIET);
            guard.cleanupMemory();
            assertEquals(Optional.of("1"), read(guard, "a"));
            store(guard, "b", "3");
        }
        try (var guard = open(tokenKeys())) {
            assertEquals(Optional.of("1"), read(guard, "a"));
            assertEquals(Optional.of("3"), read(guard, "b"));
            guard.cleanupAll();
        }
        assertEquals("", token.tool("--list-objects", "--type", "data").strip(), "nothing stays in the token");
    }

    @Test
    void whatWasPutBackIsNotReencryptedByARotation() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open()) {
            store(guard, "a", "old");
            Path file = valueFiles().getFirst();
            Files.copy(file, old);
            store(guard, "a", "new");
            Files.copy(old, file, StandardCopyOption.REPLACE_EXISTING);
            var refused = assertThrows(MemGuardException.class, () -> guard.rotate(QUIET));
            assertEquals(ErrorCode.SECURITY_ERROR, refused.code(), refused.getMessage());
            guard.cleanupMemory();
            assertRolledBack(() -> read(guard, "a"));
        }
    }

    @Test
    void itEndsWhenItIsEnded() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open();
                var other = open()) {
            store(guard, "a", "old");
            Files.copy(valueFiles().getFirst(), old);
            assertEquals(Optional.of("old"), read(other, "a"));
            guard.disableRollbackDetection();
            store(other, "a", "new");
            Files.copy(old, valueFiles().getFirst(), StandardCopyOption.REPLACE_EXISTING);
            other.cleanupMemory();
            assertEquals(Optional.of("old"), read(other, "a"), "no longer detected");
        }
        assertEquals("", token.tool("--list-objects", "--type", "data").strip());
        MemGuard.at(store()).keys(software()).mode(OpenMode.EXISTING).open().close();
    }

    @Test
    void itBeginsAgainForThoseWhoHaveTheStoreOpen() throws Exception {
        Path old = temporary.resolve("old");
        try (var guard = open()) {
            store(guard, "a", "old");
            Path file = valueFiles().getFirst();
            Files.copy(file, old);
            guard.disableRollbackDetection();
            store(guard, "a", "new");
            assertEquals(0, accept());
            guard.cleanupMemory();
            assertEquals(Optional.of("new"), read(guard, "a"));
            Files.copy(old, file, StandardCopyOption.REPLACE_EXISTING);
            guard.cleanupMemory();
            assertRolledBack(() -> read(guard, "a"));
        }
    }

    @Test
    void nothingIsRecordedOfASecretThatNeverWas() {
        try (var guard = open()) {
            String before = token.tool("--list-objects", "--type", "data");
            assertFalse(guard.delete("a"));
            assertEquals(before, token.tool("--list-objects", "--type", "data"));
        }
    }

    /** Each in turn, and both at once on the same secret: what either acknowledged is what both read. */
    @Test
    void twoWritersAtOnceKeepTheRecordsRight() throws Exception {
        try (var one = open();
                var two = open();
                var threads = Executors.newFixedThreadPool(2)) {
            var done = new ArrayList<Future<?>>();
            for (var guard : List.of(one, two)) {
                done.add(threads.submit(() -> {
                    for (int i = 0; i < 30; i++) {
                        store(guard, "a", "value " + i);
                        if (i % 3 == 0) {
                            guard.delete("a");
                        }
                        read(guard, "a");
                        guard.contains("a");
                    }
                }));
            }
            for (var task : done) {
                task.get();
            }
            store(one, "a", "last");
            one.cleanupMemory();
            two.cleanupMemory();
            assertEquals(Optional.of("last"), read(one, "a"));
            assertEquals(Optional.of("last"), read(two, "a"));
        }
    }

    /** SoftHSM shows none while another process writes it. */
    @Test
    void aRecordThatIsNotThereForAMomentIsAskedForAgain() {
        var records = new Failing(records());
        open().close();
        records.absent = 3;
        MemGuard.at(store()).keys(software()).detectRollback(records).open().close();
        var without = new Failing(records());
        without.absent = Integer.MAX_VALUE;
        var refused = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(store())
                        .keys(software())
                        .detectRollback(without)
                        .open());
        assertEquals(ErrorCode.SECURITY_ERROR, refused.code());
        assertTrue(refused.getMessage().contains("no record of this store"), refused.getMessage());
    }

    @Test
    void aTokenThatFailsLeavesTheValueBefore() throws Exception {
        var records = new Failing(records());
        try (var guard =
                MemGuard.at(store()).keys(software()).detectRollback(records).open()) {
            store(guard, "a", "old");
            records.fails = true;
            var refused = assertThrows(MemGuardException.class, () -> store(guard, "a", "new"));
            assertEquals(ErrorCode.STORE_FAILED, refused.code());
            assertTrue(refused.getMessage().contains("the token is full"), refused.getMessage());
            assertEquals(
                    ErrorCode.DELETE_FAILED,
                    assertThrows(MemGuardException.class, () -> guard.delete("a"))
                            .code());
            records.fails = false;
            guard.cleanupMemory();
            assertEquals(Optional.of("old"), read(guard, "a"));
            store(guard, "a", "new");
            guard.cleanupMemory();
            assertEquals(Optional.of("new"), read(guard, "a"));
        }
    }

    /** A public object needs no PIN: whoever has the folder and reaches the token could allow what he puts back. */
    @Test
    void aRecordThatWasMadeWithoutThePinIsNotBelieved() throws Exception {
        Path old = temporary.resolve("old");
        Path forged = temporary.resolve("forged");
        try (var guard = open()) {
            store(guard, "a", "old");
            Path file = valueFiles().getFirst();
            Files.copy(file, old);
            store(guard, "a", "new");
            Files.copy(old, file, StandardCopyOption.REPLACE_EXISTING);
            String hash = file.getFileName().toString().substring(3, 67);
            byte[] sealed = Base64.getDecoder().decode(Files.readAllBytes(old));
            var content = new ByteArrayOutputStream();
            content.writeBytes(HexFormat.of().parseHex(hash));
            content.write(sealed, 0, 12);
            content.write(sealed, sealed.length - 16, 16);
            Files.write(forged, content.toByteArray());
            Tools.run(
                    SoftHsm.ofThisJvm().environment(),
                    "pkcs11-tool",
                    "--module",
                    SoftHsm.module().toString(),
                    "--token-label",
                    token.label(),
                    "--write-object",
                    forged.toString(),
                    "--type",
                    "data",
                    "--label",
                    hash.substring(0, 32),
                    "--application-label",
                    "memguard " + guard.storeId());
        }
        try (var guard = open()) {
            assertRolledBack(() -> read(guard, "a"));
        }
    }

    @Test
    void aReadFromDiskAsksTheTokenOnceAndOneFromTheCacheNever() {
        var records = new Failing(records());
        try (var guard =
                MemGuard.at(store()).keys(software()).detectRollback(records).open()) {
            store(guard, "a", "value");
            var secret = guard.secret("a").orElseThrow();
            guard.cleanupMemory();
            records.looks = 0;
            assertEquals("value", secret.<String, RuntimeException>read(Secrets::text));
            assertEquals(1, records.looks);
            assertEquals("value", secret.<String, RuntimeException>read(Secrets::text));
            assertEquals(1, records.looks);
        }
    }

    @Test
    void anEndThatFailedIsRunAgainAndLeavesNothing() {
        var records = new Failing(records());
        try (var guard =
                MemGuard.at(store()).keys(software()).detectRollback(records).open()) {
            store(guard, "a", "value");
            records.failsToRemove = true;
            var refused = assertThrows(MemGuardException.class, guard::disableRollbackDetection);
            assertEquals(ErrorCode.STORE_FAILED, refused.code());
        }
        try (var guard = open()) {
            guard.disableRollbackDetection();
        }
        assertEquals("", token.tool("--list-objects", "--type", "data").strip());
    }

    /** Each call of the token in turn; a store that names a key which was given up would be in the way forever. */
    @Test
    void aTokenThatFailsWhenAStoreIsMadeLeavesNothing() {
        for (int puts = 0; puts < 2; puts++) {
            var records = new Failing(records());
            records.putsLeft = puts;
            assertThrows(
                    MemGuardException.class,
                    () -> MemGuard.at(store())
                            .keys(tokenKeys())
                            .detectRollback(records)
                            .open());
            assertFalse(Files.exists(files().resolve("store.meta")), puts + " puts");
            assertEquals("", token.tool("--list-objects", "--type", "data").strip(), puts + " puts");
        }
        try (var guard = open(tokenKeys())) {
            store(guard, "a", "value");
        }
    }

    /** A token without room for more. */
    private static final class Failing implements RollbackRecords {
        private final RollbackRecords records;
        private boolean fails;
        private boolean failsToRemove;
        private int putsLeft = Integer.MAX_VALUE;
        private int looks;
        private int absent;

        Failing(RollbackRecords records) {
            this.records = records;
        }

        @Override
        public Optional<byte[]> get(String storeId, byte[] id) {
            looks++;
            return absent-- > 0 ? Optional.empty() : records.get(storeId, id);
        }

        @Override
        public void put(String storeId, byte[] id, byte[] value) {
            if (fails || putsLeft-- == 0) {
                throw new MemGuardException(ErrorCode.KEY_INVALID, "the token is full");
            }
            records.put(storeId, id, value);
        }

        @Override
        public void remove(String storeId, byte[] id) {
            if (failsToRemove) {
                throw new MemGuardException(ErrorCode.KEY_INVALID, "the token is away");
            }
            records.remove(storeId, id);
        }

        @Override
        public List<byte[]> ids(String storeId) {
            return records.ids(storeId);
        }

        @Override
        public void close() {
            records.close();
        }
    }

    /** Before and after each call of the token, in a process of its own, which sees the same token. */
    @Test
    void aWriterThatIsKilledAnywhereLeavesAStoreThatOpens() throws Exception {
        int kills = 0;
        for (int step = 1; ; step += 5) {
            try (var guard = open()) {
                store(guard, "a", "old");
                store(guard, "b", "old");
                guard.delete("c");
            }
            String said;
            try (var child = ChildJvm.start(
                    RollbackWorker.class,
                    List.of(),
                    List.of(
                            store().toString(),
                            token.uri("records"),
                            token.pinFile().toString(),
                            Integer.toString(step)))) {
                said = child.rest();
            }
            boolean rotated = said.contains("rotated");
            try (var guard = open()) {
                assertOneOf(guard, "a", said.contains("stored a") ? "new" : "old", "new", step);
                assertOneOf(guard, "c", said.contains("stored c") ? "new" : null, "new", step);
                assertOneOf(guard, "b", said.contains("deleted b") ? null : "old", null, step);
                guard.rotate(QUIET); // Goes on where one was begun.
                store(guard, "a", "newest");
                guard.cleanupMemory();
                assertEquals(Optional.of("newest"), read(guard, "a"));
            }
            if (rotated) {
                break;
            }
            kills++;
        }
        System.out.println(kills + " kills");
        assertTrue(kills >= 4, kills + " kills");
    }

    private static void assertOneOf(
            MemGuard guard,
            String name,
            @org.jspecify.annotations.Nullable String acknowledged,
            @org.jspecify.annotations.Nullable String next,
            int step) {
        var found = read(guard, name);
        assertTrue(
                found.equals(Optional.ofNullable(acknowledged)) || found.equals(Optional.ofNullable(next)),
                name + " is " + found + " after step " + step);
    }
}
