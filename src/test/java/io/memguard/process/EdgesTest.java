package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.crash.NumberedKeys;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSources;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.memory.SealedCache;
import io.memguard.os.Posix;
import io.memguard.os.ResourceLimits;
import io.memguard.soak.Edges;
import io.memguard.store.keyring.Metadata;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every limit that is named somewhere, one less, and one more. {@code scripts/soak limits} has those of a gibibyte. */
class EdgesTest {
    /** Where the library goes over to another way of doing it: stacks, windows, heap, pieces of files. */
    private static final String LENGTHS = LongStream.of(
                    0, 1, 1024, 2048, 4080, 4096, 16 << 10, 3 << 14, 1 << 16, (3 << 15) - 28, 3 << 15, 1 << 20)
            .flatMap(length -> LongStream.of(length - 1, length, length + 1))
            .filter(length -> length >= 0)
            .distinct()
            .mapToObj(Long::toString)
            .collect(Collectors.joining(","));

    @TempDir
    Path temporary;

    private Path secretFile(String content) throws IOException {
        Path file = Files.createTempFile(
                temporary,
                "passphrase",
                "",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(file, content);
        return file;
    }

    private void run(String lengths, String route, Path passphrase, String... steps) throws Exception {
        var options = new ArrayList<String>();
        if (route.equals("emergency")) {
            options.add("-Dmemguard.native.directory=" + temporary.resolve("nothing"));
        }
        var arguments = new ArrayList<>(List.of(temporary.resolve("store").toString(), passphrase.toString(), lengths));
        arguments.addAll(List.of(steps));
        try (var child = ChildJvm.start(Edges.class, List.of(), options, arguments)) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            for (String step : steps) {
                assertTrue(said.contains(step + " on the " + route + " route"), said);
            }
        }
    }

    @Test
    void valuesAndNamesOfEveryLengthThatMattersComeBackOnBothRoutesBeforeAndAfterARotation() throws Exception {
        Path passphrase = secretFile("correct horse");
        run(LENGTHS, "native", passphrase, "store=1", "refused", "read=1", "rotate");
        run(LENGTHS, "emergency", passphrase, "read=1", "store=2");
        run(LENGTHS, "native", passphrase, "read=2", "rotate", "read=2");
        run(LENGTHS, "emergency", passphrase, "read=2");
    }

    @Test
    void aPassphraseIsUpTo4096BytesWithoutItsLineEnd() throws IOException {
        for (String end : List.of("", "\n", "\r\n")) {
            for (int length : new int[] {1, 4095, 4096}) {
                try (var passphrase =
                        SecretSources.file(secretFile("p".repeat(length) + end)).read()) {
                    assertEquals(length, passphrase.size());
                }
            }
            var longer = SecretSources.file(secretFile("p".repeat(4097) + end));
            var refused = assertThrows(MemGuardException.class, longer::read);
            assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code());
            assertTrue(String.valueOf(refused.getMessage()).contains("4096"), refused.getMessage());
        }
    }

    @Test
    void theLongestPassphraseOpensAndDiffersFromAnotherInItsLastCharacter() throws IOException {
        for (String last : List.of("a", "b")) {
            var keys = SoftwareKeys.passphrase(SecretSources.file(secretFile("p".repeat(4095) + last)))
                    .cost(1, 8 << 20);
            if (last.equals("a")) {
                MemGuard.at(temporary.resolve("store")).keys(keys).open().close();
            }
            var again = MemGuard.at(temporary.resolve("store")).keys(keys);
            if (last.equals("a")) {
                again.open().close();
            } else {
                assertEquals(
                        ErrorCode.KEY_INVALID,
                        assertThrows(MemGuardException.class, again::open).code());
            }
        }
    }

    /** A provider whose record makes the metadata as long as it is asked to be. */
    private record LongRecord(int length) implements KeyProvider {
        @Override
        public String type() {
            return "long-record";
        }

        @Override
        public CreatedKey create(StoreContext store) {
            var parameters = new TreeMap<String, String>();
            for (int rest = length, number = 0; rest > 0; rest -= 60_000, number++) {
                parameters.put(String.format("part-%03d", number), "x".repeat(Math.min(rest, 60_000)));
            }
            return new CreatedKey(key(), new KeyDescriptor(type(), KeyMode.ENVELOPE, parameters));
        }

        @Override
        public StoreKey open(StoreContext store, KeyDescriptor record) {
            return key();
        }

        private static StoreKey key() {
            try (var key = Secrets.random(32, 1)) {
                return StoreKey.aes256Gcm(key);
            }
        }

        @Override
        public void erase(StoreContext store, KeyDescriptor record) {}

        @Override
        public void close() {}
    }

    private MemGuard withRecord(Path store, int length) {
        return MemGuard.at(store).keys(new LongRecord(length)).open();
    }

    @Test
    void metadataThatWouldNotOpenAgainIsNotWritten() throws IOException {
        int length = 1_040_000;
        Path first = temporary.resolve("first");
        withRecord(first, length).close();
        int fits = length + Metadata.MAX_SIZE - (int) Files.size(first.resolve("memguard_secure/store.meta"));
        for (int size : new int[] {fits - 1, fits}) {
            Path store = temporary.resolve("store" + size);
            try (var guard = withRecord(store, size);
                    var value = Secrets.text("value")) {
                guard.store("name", value);
                // A rotation has two records in its metadata.
                var refused = assertThrows(MemGuardException.class, () -> guard.rotate((done, total) -> {}));
                assertTrue(String.valueOf(refused.getMessage()).contains("1048576"), refused.getMessage());
            }
            try (var guard = withRecord(store, size)) {
                assertEquals("value", guard.<String, RuntimeException>read("name", Secrets::text));
            }
        }
        Path longer = temporary.resolve("longer");
        var refused = assertThrows(MemGuardException.class, () -> withRecord(longer, fits + 1));
        assertTrue(String.valueOf(refused.getMessage()).contains("1048577"), refused.getMessage());
        try (var guard = withRecord(longer, 10)) { // Nothing is in the way of another attempt.
            assertEquals(List.of(), guard.list());
        }
    }

    @Test
    void storeAllOfOneMoreThanAGroupIsReadAndRotated() {
        int count = 1001;
        Path store = temporary.resolve("store");
        try (var arena = Arena.ofConfined();
                var guard = MemGuard.at(store).keys(new NumberedKeys()).open()) {
            var values = new LinkedHashMap<String, MemorySegment>();
            for (int i = 0; i < count; i++) {
                var value = arena.allocate(8);
                value.set(ValueLayout.JAVA_LONG, 0, i);
                values.put("name " + i, value);
            }
            guard.storeAllSegments(values);
            guard.rotate((done, total) -> {});
        }
        try (var guard = MemGuard.at(store)
                .keys(new NumberedKeys())
                .mode(OpenMode.EXISTING)
                .open()) {
            assertEquals(count, guard.list().size());
            for (int i : new int[] {0, 999, 1000}) {
                assertEquals(
                        i,
                        guard.<Long, RuntimeException>read(
                                "name " + i, value -> value.get(ValueLayout.JAVA_LONG_UNALIGNED, 0)));
            }
        }
    }

    @Test
    void aTimeToLiveMayBeForever() {
        var forever = ChronoUnit.FOREVER.getDuration();
        try (var guard = MemGuard.at(temporary.resolve("store"))
                        .keys(new FixedKeys(1))
                        .cacheIdle(forever)
                        .open();
                var value = Secrets.text("value")) {
            guard.store("stored", value);
            guard.storeEphemeral("ephemeral", value, forever, forever);
            for (String name : List.of("stored", "ephemeral")) {
                assertEquals("value", guard.<String, RuntimeException>read(name, Secrets::text));
            }
            assertThrows(
                    MemGuardException.class, () -> guard.storeEphemeral("never", value, Duration.ofNanos(999_999)));
            guard.storeEphemeral("shortest", value, Duration.ofMillis(1));
        }
    }

    @Test
    void waitingForLockedMemoryLastsUpToAnHour() {
        var builder = MemGuard.at(temporary.resolve("store"));
        for (Duration wait : List.of(Duration.ZERO, Duration.ofHours(1).minusNanos(1), Duration.ofHours(1))) {
            builder.lockedMemoryWait(wait);
        }
        for (Duration wait : List.of(Duration.ofNanos(-1), Duration.ofHours(1).plusNanos(1))) {
            var refused = assertThrows(MemGuardException.class, () -> builder.lockedMemoryWait(wait));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, refused.code());
            assertTrue(String.valueOf(refused.getMessage()).contains("1 hour"), refused.getMessage());
        }
    }

    @Test
    void secretsAreLentToAsManyBorrowsAsThereAreWindowsAndOneMoreSaysSo() throws Exception {
        assumeTrue(
                Posix.effectiveUser() == 0 || ResourceLimits.lockedMemory() >= 64 << 20,
                "NOT TESTED: needs 64 MiB of locked memory (run it as root, or after ulimit -l 65536)");
        try (var guard = MemGuard.at(temporary.resolve("store"))
                        .keys(new FixedKeys(1))
                        .lockedMemoryWait(Duration.ZERO)
                        .open();
                var value = Secrets.text("value")) {
            guard.store("name", value);
            var deep = new FutureTask<Integer>(() -> nested(guard, 0));
            new Thread(null, deep, "deep", 256 << 20).start();
            assertEquals(4096, deep.get());
            assertEquals(0, guard.memoryUsage().windowsInUse());
        }
    }

    /** How many borrows there were, one inside the other, until there was an error. */
    private static int nested(MemGuard guard, int depth) {
        try {
            return guard.<Integer, RuntimeException>read("name", segment -> {
                assertEquals("value", Secrets.text(segment));
                return nested(guard, depth + 1);
            });
        } catch (MemGuardException e) {
            assertEquals(ErrorCode.SECURITY_ERROR, e.code());
            assertTrue(String.valueOf(e.getMessage()).contains("4096"), e.getMessage());
            return depth;
        }
    }

    @Test
    void oneMoreCacheThanTheNativeLibraryHoldsIsAnErrorThatSaysSo() {
        var caches = new ArrayList<SealedCache>();
        try {
            var refused = assertThrows(MemGuardException.class, () -> {
                while (caches.size() <= 1024) {
                    caches.add(SealedCache.create());
                }
            });
            assertTrue(String.valueOf(refused.getMessage()).contains("1024"), refused.getMessage());
            assertTrue(caches.size() > 900, "" + caches.size()); // Other tests of this JVM may have some.
            caches.removeLast().close();
            caches.add(SealedCache.create());
        } finally {
            caches.forEach(SealedCache::close);
        }
    }

    @Test
    void whatIsReadIsAsLongAsTheLimitAndNoLonger() throws IOException {
        for (int limit : new int[] {0, 1, 4096, 16_367, 16_368, 16_369, 100_000}) {
            for (int length : new int[] {limit - 1, limit, limit + 1}) {
                var channel = Channels.newChannel(new ByteArrayInputStream(new byte[Math.max(0, length)]));
                if (length <= limit) {
                    try (var value = SecretBuffer.readFrom(channel, limit)) {
                        assertEquals(Math.max(0, length), value.size());
                    }
                } else {
                    assertThrows(MemGuardException.class, () -> SecretBuffer.readFrom(channel, limit));
                }
            }
        }
    }
}
