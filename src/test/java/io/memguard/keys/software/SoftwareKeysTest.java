package io.memguard.keys.software;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.SecretSource;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.memory.GuardedMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SoftwareKeysTest {
    private static final long CHEAP = 8L << 20;
    private static final String PASSWORD = "0123456789abcdef";

    @TempDir
    Path directory;

    private StoreContext store;

    @BeforeEach
    void store() {
        store = new StoreContext("00112233445566778899aabbccddeeff", directory);
    }

    private static SoftwareKeys keys(String passphrase) {
        SecretSource source = () -> Secrets.text(passphrase);
        return SoftwareKeys.passphrase(source).cost(1, CHEAP);
    }

    private Path container() {
        return directory.resolve("keystore.bcfks");
    }

    private static void assertSame(StoreKey one, StoreKey other) {
        try (var arena = Arena.ofConfined()) {
            var plain = arena.allocateFrom("plaintext");
            var sealed = arena.allocate(plain.byteSize() + StoreKey.OVERHEAD);
            var opened = arena.allocate(plain.byteSize());
            one.seal(MemorySegment.NULL, plain, sealed);
            assertTrue(other.open(MemorySegment.NULL, sealed, opened));
            assertEquals(-1, plain.mismatch(opened));
        }
    }

    private static void assertCode(ErrorCode code, org.junit.jupiter.api.function.Executable call) {
        var error = assertThrows(MemGuardException.class, call);
        assertEquals(code, error.code(), error.getMessage());
    }

    @Test
    void whatWasMadeOpensWithItsPassphrase() throws IOException {
        CreatedKey made = keys("one").create(store);
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(container())));
        try (var one = made.key();
                var other = keys("one").open(store, made.record())) {
            assertSame(one, other);
        }
    }

    @Test
    void theCostIsTheStoresAndNotTheCallers() {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        keys("one").cost(2, CHEAP * 2).open(store, made.record()).close();
        assertEquals(Long.toString(CHEAP), made.record().parameters().get("argon2id-memory"));
    }

    /** Nobody has authenticated what metadata asks for: it is refused before memory and minutes are spent on it. */
    @Test
    void aCostOfGigabytesIsPaidOnlyForACallerThatAsksForIt() {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        for (long[] cost : new long[][] {{64, 4L << 30}, {1, (1L << 30) + 1}, {5, 1L << 30}, {64, 65L << 20}}) {
            var changed = new HashMap<>(made.record().parameters());
            changed.put("argon2id-operations", Long.toString(cost[0]));
            changed.put("argon2id-memory", Long.toString(cost[1]));
            var record = new KeyDescriptor("software", made.record().mode(), changed);
            long begin = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            assertCode(ErrorCode.KEY_INVALID, () -> keys("one").open(store, record));
            assertCode(ErrorCode.KEY_INVALID, () -> keys("one").openOnHeap(store, record));
            long paid = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begin;
            assertTrue(paid < 500_000_000L, "it was refused before it was paid");
            var recorded = new Argon2Cost(cost[0], cost[1]);
            assertEquals(recorded, Argon2Limit.require(recorded, recorded));
            assertThrows(MemGuardException.class, () -> Argon2Limit.require(recorded, new Argon2Cost(1, 64L << 20)));
        }
        var usual = new Argon2Cost(4, 1L << 30);
        assertEquals(usual, Argon2Limit.require(usual, Argon2Cost.DEFAULT));
    }

    @Test
    void theCostInMetadataIsReadUpToItsLimits() {
        for (long[] cost : new long[][] {{64, 4L << 30}, {1, 8 << 20}}) {
            assertEquals(new Argon2Cost(cost[0], cost[1]), Argon2Cost.of(record(cost)));
        }
        for (long[] cost : new long[][] {{65, 4L << 30}, {64, (4L << 30) + 1}, {0, 8 << 20}, {1, (8 << 20) - 1}}) {
            assertCode(ErrorCode.KEY_INVALID, () -> Argon2Cost.of(record(cost)));
        }
    }

    private static KeyDescriptor record(long[] cost) {
        return new KeyDescriptor(
                "software",
                KeyMode.ENVELOPE,
                Map.of("argon2id-operations", Long.toString(cost[0]), "argon2id-memory", Long.toString(cost[1])));
    }

    @Test
    void aContainerIsReadUpTo1MiB() throws IOException {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        byte[] own = Files.readAllBytes(container());
        for (int size : new int[] {(1 << 20) - 1, 1 << 20, (1 << 20) + 1}) {
            Files.write(container(), Arrays.copyOf(own, size));
            var refused =
                    assertThrows(MemGuardException.class, () -> keys("one").open(store, made.record()));
            assertEquals(ErrorCode.KEY_INVALID, refused.code());
            String said = String.valueOf(refused.getMessage());
            assertEquals(size > 1 << 20, said.contains("longer than 1048576 bytes"), said);
            assertTrue(said.contains("backup"), said);
        }
        Files.write(container(), own);
        keys("one").open(store, made.record()).close();
    }

    @Test
    void everyWrongRecordIsKeyInvalid() {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        for (String name : made.record().parameters().keySet()) {
            if (name.equals("container-sha256") || name.equals("container-place")) {
                continue; // By which it is destroyed, not opened.
            }
            for (String value : new String[] {"", "0", "-1", "x", "99999999999999999999", "1099511627776"}) {
                var changed = new HashMap<>(made.record().parameters());
                changed.put(name, value);
                if (name.equals("argon2id-operations") && value.equals("1")) {
                    continue;
                }
                var record = new KeyDescriptor("software", made.record().mode(), changed);
                assertCode(ErrorCode.KEY_INVALID, () -> keys("one").open(store, record));
            }
        }
        var empty = new KeyDescriptor("software", made.record().mode(), Map.of());
        assertCode(ErrorCode.KEY_INVALID, () -> keys("one").open(store, empty));
    }

    @Test
    void anotherStoresContainerIsKeyInvalid() {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        var other = new StoreContext("ffffffffffffffffffffffffffffffff", directory);
        assertCode(ErrorCode.KEY_INVALID, () -> keys("one").open(other, made.record()));
    }

    @Test
    void everyFlippedByteOfTheContainerIsKeyInvalid() throws IOException {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        byte[] kept = Files.readAllBytes(container());
        for (int i = 0; i < kept.length; i += 7) {
            byte[] changed = kept.clone();
            changed[i] ^= 1;
            Files.write(container(), changed);
            assertCode(ErrorCode.KEY_INVALID, () -> keys("one").open(store, made.record()));
        }
        Files.write(container(), kept);
        keys("one").open(store, made.record()).close();
    }

    @Test
    void anExistingContainerIsNeverOverwritten() throws IOException {
        keys("one").container(container()).create(store).key().close();
        byte[] kept = Files.readAllBytes(container());
        assertCode(
                ErrorCode.KEY_INVALID, () -> keys("two").container(container()).create(store));
        assertArrayEquals(kept, Files.readAllBytes(container()));
    }

    @Test
    void aContainerLeftInTheStoresFolderIsPutAsideAndNeverErased() throws IOException {
        keys("one").create(store).key().close();
        byte[] kept = Files.readAllBytes(container());
        CreatedKey made = keys("two").create(store);
        made.key().close();
        keys("two").open(store, made.record()).close();
        Path aside = container().resolveSibling("keystore.bcfks.old");
        assertArrayEquals(kept, Files.readAllBytes(aside));
        keys("two").erase(store, made.record());
        assertFalse(Files.exists(container()));
        assertArrayEquals(kept, Files.readAllBytes(aside), "it may be the only key of data that were moved away");
    }

    @Test
    void anEmptyPassphraseIsRefused() {
        assertCode(ErrorCode.INVALID_ARGUMENTS, () -> keys("").create(store));
        assertFalse(Files.exists(container()));
    }

    @Test
    void impossibleCostsAreRefused() {
        for (long[] cost : new long[][] {{0, CHEAP}, {65, CHEAP}, {1, CHEAP - 1}, {1, (4L << 30) + 1}}) {
            assertCode(ErrorCode.INVALID_ARGUMENTS, () -> keys("one").cost(cost[0], cost[1]));
        }
    }

    @Test
    void erasedKeysAreGoneAndErasingAgainIsFine() throws IOException {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        keys("one").erase(store, made.record());
        keys("one").erase(store, made.record());
        assertCode(ErrorCode.KEY_INVALID, () -> keys("one").open(store, made.record()));
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(0, left.count());
        }
    }

    @Test
    void noLockedMemoryIsLeftBehindAlsoByErrors() {
        CreatedKey made = keys("one").create(store);
        made.key().close();
        long before = GuardedMemory.lockedBytes();
        keys("one").open(store, made.record()).close();
        assertCode(ErrorCode.KEY_INVALID, () -> keys("two").open(store, made.record()));
        assertEquals(before, GuardedMemory.lockedBytes());
    }

    @Test
    void containersWithAStretchedEntryOrAnotherCipherOpen() throws Exception {
        char[] password = PASSWORD.toCharArray();
        byte[] wrapped = new byte[60];
        java.util.Arrays.fill(wrapped, (byte) 7);
        var kinds = org.bouncycastle.jcajce.BCFKSLoadStoreParameter.EncryptionAlgorithm.values();
        for (var kind : kinds) {
            var store = java.security.KeyStore.getInstance(
                    "BCFKS", new org.bouncycastle.jce.provider.BouncyCastleProvider());
            store.load(new org.bouncycastle.jcajce.BCFKSLoadStoreParameter.Builder()
                    .withStoreEncryptionAlgorithm(kind)
                    .build());
            var key = new javax.crypto.spec.SecretKeySpec(wrapped, "AES");
            store.setKeyEntry("memguard-store-key", key, password, null); // 51,200 rounds, as the first version did
            var out = new java.io.ByteArrayOutputStream();
            store.store(new org.bouncycastle.jcajce.BCFKSLoadStoreParameter.Builder(out, password)
                    .withStoreEncryptionAlgorithm(kind)
                    .build());
            assertOpens(out.toByteArray(), wrapped);
        }
        try (var right = Secrets.text(PASSWORD)) {
            assertOpens(Container.write(wrapped, right), wrapped);
        }
    }

    /** By each of the two routes, and by neither with another password. */
    private static void assertOpens(byte[] container, byte[] wrapped) {
        Path file = Path.of("container");
        try (var right = Secrets.text(PASSWORD);
                var wrong = Secrets.text("another")) {
            assertArrayEquals(wrapped, Container.read(container, right, file));
            assertArrayEquals(wrapped, Container.readOnHeap(container, PASSWORD.toCharArray(), file));
            assertCode(ErrorCode.KEY_INVALID, () -> Container.read(container, wrong, file));
            assertCode(ErrorCode.KEY_INVALID, () -> Container.readOnHeap(container, "another".toCharArray(), file));
        }
    }

    @Test
    void theContainerIsAKeyStoreThatBouncyCastleOpens() throws Exception {
        keys("one").create(store).key().close();
        byte[] file = Files.readAllBytes(container());
        assertFalse(new String(file, StandardCharsets.ISO_8859_1).contains("one"));
        var keyStore =
                java.security.KeyStore.getInstance("BCFKS", new org.bouncycastle.jce.provider.BouncyCastleProvider());
        assertThrows(
                IOException.class, () -> keyStore.load(new java.io.ByteArrayInputStream(file), "one".toCharArray()));
    }
}
