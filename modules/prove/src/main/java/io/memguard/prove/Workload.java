package io.memguard.prove;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The subject: a service that does all that can be done with a store, and waits to be searched. All secrets come through a
 * socket. Arguments: work folder, folder of the store, keys, whether it makes the store or opens it.
 */
final class Workload {
    static final String HELD = "value in a SecretBuffer that the caller keeps";
    static final String DIRECT = "value that retrieveDirect put on the heap";
    static final String PASSPHRASE = "passphrase";
    static final String NEW_PASSPHRASE = "new passphrase";
    static final String PIN = "PIN";

    /** Makes a store and does everything with it. */
    static final String MAKE = "make";

    /** Opens a store as after a restart. */
    static final String OPEN = "open";

    /** In bytes: keys, passwords, tokens, certificates, a file. */
    static final int[] SIZES = {16, 24, 32, 64, 100, 256, 1000, 4096, 20_000, 100_000};

    /** Names of what a callback has {@link Phase#BORROW}; the first one is given to native code that crashes. */
    static final List<String> LENT = List.of(value(0), value(2), value(8));

    private static final int THREADS = 8;

    // What a search must find; kept alive for that.
    private static byte @Nullable [] heap;
    private static byte @Nullable [] direct;

    private final Path directory;
    private final String keys;
    private final CanaryClient client;
    private final Checkpoints checkpoints;

    private Workload(Path work, Path directory, String keys, CanaryClient client) {
        this.directory = directory;
        this.keys = keys;
        this.client = client;
        this.checkpoints = new Checkpoints(client, work.resolve("traffic"));
    }

    static String value(int number) {
        return "value " + number + (number % 3 == 1 ? " text" : "");
    }

    /** Runs to its end or until it is killed. */
    public static void main(String[] arguments) throws Exception {
        Path work = Path.of(arguments[0]);
        try (var client = new CanaryClient(work.resolve("socket"))) {
            Path directory = Path.of(arguments[1]);
            plant(directory, client);
            var workload = new Workload(work, directory, arguments[2], client);
            try (var held = client.ask(HELD, 48)) {
                if (held.size() > 0 && arguments[3].equals(MAKE)) {
                    workload.doAll();
                } else {
                    workload.restart();
                }
            }
            workload.checkpoints.at(Phase.AFTER_CLOSE.name());
            if (arguments[3].equals(MAKE)) {
                workload.remove();
            }
        }
        System.out.println("done " + length(heap) + length(direct));
        System.exit(0);
    }

    private static int length(byte @Nullable [] kept) {
        return kept == null ? 0 : kept.length;
    }

    /** Leaves what must be found in each place. */
    private static void plant(Path directory, CanaryClient client) throws Exception {
        heap = client.control(PositiveControl.HEAP);
        byte[] inNative = client.control(PositiveControl.NATIVE);
        MemorySegment.copy(
                inNative, 0, Arena.global().allocate(inNative.length), ValueLayout.JAVA_BYTE, 0, inNative.length);
        java.util.Arrays.fill(inNative, (byte) 0);
        Thread.ofPlatform()
                .daemon()
                .name(HexFormat.of().formatHex(client.control(PositiveControl.THREAD)))
                .start(() -> LockSupport.parkNanos(Long.MAX_VALUE));
        System.getLogger("io.memguard.prove")
                .log(System.Logger.Level.DEBUG, HexFormat.of().formatHex(client.control(PositiveControl.LOG)));
        Files.createDirectories(directory);
        Files.write(directory.resolve("control"), client.control(PositiveControl.STORED_FILE));
        Files.write(
                Path.of(System.getProperty("java.io.tmpdir", "/tmp")).resolve("control"),
                client.control(PositiveControl.TEMPORARY_FILE));
    }

    private KeyProvider provider(String passphrase) {
        return keys.equals(SoftwareKeys.TYPE)
                ? SoftwareKeys.passphrase(() -> client.ask(passphrase, 32))
                : Pkcs11Keys.uri(keys, () -> client.ask(PIN, 0));
    }

    private MemGuard open(OpenMode mode, String passphrase) {
        return MemGuard.at(directory).mode(mode).keys(provider(passphrase)).open();
    }

    private void doAll() throws Exception {
        try (var guard = open(OpenMode.CREATE, PASSPHRASE)) {
            storeAll(guard, "overwritten ");
            checkpoints.at("made");
            readAll(guard);
            for (int i = 0; i < SIZES.length; i++) {
                store(guard, value(i), value(i));
            }
            readAll(guard); // Hot.
            store(guard, "deleted value", "deleted value");
            read(guard, "deleted value");
            guard.delete("deleted value");
            try (var value = client.ask("memory-only value", 40)) {
                guard.storeEphemeral("memory-only value", value, Duration.ofHours(1));
            }
            read(guard, "memory-only value");
            failMidway(guard);
        }
        refuse();
        try (var guard = open(OpenMode.EXISTING, PASSPHRASE)) {
            readAll(guard); // Cold.
            guard.cleanupMemory();
            for (int i = 0; i < SIZES.length; i++) {
                guard.retrieve(value(i));
            }
            guard.rotate((done, all) -> {});
            checkpoints.at("rotated");
            if (keys.equals(SoftwareKeys.TYPE)) {
                guard.rekey(provider(NEW_PASSPHRASE), (done, all) -> {});
                checkpoints.at("rekeyed");
            }
            store(guard, DIRECT, DIRECT);
            direct = guard.retrieveDirect(DIRECT).orElseThrow();
            readAll(guard);
            phases(guard);
        }
    }

    /** What a service does that starts where there is a store. */
    private void restart() throws Exception {
        try (var guard = open(OpenMode.EXISTING, keys.equals(SoftwareKeys.TYPE) ? NEW_PASSPHRASE : PASSPHRASE)) {
            readAll(guard);
            readAll(guard);
            phases(guard);
        }
    }

    private void phases(MemGuard guard) throws Exception {
        checkpoints.wire().of(guard);
        checkpoints.at(Phase.AT_REST.name());
        guard.<@Nullable Void, Exception>readAll(LENT, lent -> {
            use(lent.getFirst());
            checkpoints.at(Phase.BORROW.name(), lent.getFirst());
            return null;
        });
        underLoad(guard);
        checkpoints.wire().of(null);
    }

    private void storeAll(MemGuard guard, String prefix) {
        Map<String, SecretBuffer> values = new LinkedHashMap<>();
        try {
            for (int i = 0; i < SIZES.length; i++) {
                values.put(value(i), client.ask(prefix + value(i), SIZES[i]));
            }
            guard.storeAll(values);
        } finally {
            values.values().forEach(SecretBuffer::close);
        }
    }

    private void store(MemGuard guard, String name, String canary) {
        int number = canary.startsWith("value ") && Character.isDigit(canary.charAt(6)) ? canary.charAt(6) - '0' : -1;
        try (var value = client.ask(canary, number < 0 ? 40 : SIZES[number]);
                var copy = value.<SecretBuffer, RuntimeException>read(SecretBuffer::copyOf)) {
            guard.store(name, copy);
        }
    }

    private static void readAll(MemGuard guard) {
        for (int i = 0; i < SIZES.length; i++) {
            read(guard, value(i));
        }
    }

    private static int read(MemGuard guard, String name) {
        return guard.<Integer, RuntimeException>read(name, Workload::use);
    }

    /** Byte by byte: what a callback copies is its own leak. */
    private static int use(MemorySegment value) {
        int sum = 0;
        for (long at = 0; at < value.byteSize(); at += 1 + value.byteSize() / 16) {
            sum = 31 * sum + value.get(ValueLayout.JAVA_BYTE, at);
        }
        return sum;
    }

    /** Errors and exceptions while plaintext is in memory. */
    private void failMidway(MemGuard guard) throws Exception {
        expect(() -> guard.read(value(3), value -> {
            use(value);
            throw new IllegalStateException("on purpose, in the middle of a borrow");
        }));
        expect(() -> read(guard, "nothing"));
        expect(() -> store(guard, "", "value of a refused name"));
        store(guard, "damaged", "damaged value");
        guard.cleanupMemory();
        String hash = HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest("damaged".getBytes(StandardCharsets.UTF_8)));
        Path file = directory.resolve("memguard_secure").resolve("mg_" + hash + ".dat");
        try (var damage = new RandomAccessFile(file.toFile(), "rw")) {
            damage.seek(30);
            int before = damage.read();
            damage.seek(30);
            damage.write(before == 'A' ? 'B' : 'A');
        }
        expect(() -> read(guard, "damaged"));
        guard.delete("damaged");
    }

    /** A wrong passphrase; a wrong PIN would be counted by the token. */
    private void refuse() throws Exception {
        if (keys.equals(SoftwareKeys.TYPE)) {
            expect(() -> open(OpenMode.EXISTING, "wrong passphrase").close());
        }
    }

    private interface Action {
        void run() throws Exception;
    }

    private static void expect(Action failing) throws Exception {
        try {
            failing.run();
        } catch (MemGuardException | IllegalStateException e) {
            System.getLogger("io.memguard.prove").log(System.Logger.Level.INFO, "as expected", e);
            return;
        }
        throw new AssertionError("this should have failed");
    }

    private void underLoad(MemGuard guard) throws Exception {
        var end = new AtomicBoolean();
        var failures = new ArrayList<Throwable>();
        var threads = new ArrayList<Thread>();
        for (int i = 0; i < THREADS; i++) {
            threads.add(Thread.ofPlatform().daemon().name("load " + i).start(() -> {
                try {
                    load(guard, end);
                } catch (Throwable failure) {
                    synchronized (failures) {
                        failures.add(failure);
                    }
                }
            }));
        }
        var collector = Thread.ofPlatform().daemon().name("load: collector").start(() -> collect(end));
        Thread.sleep(500); // Only makes the phase richer; nothing depends on it.
        checkpoints.at(Phase.LOAD.name());
        end.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
        collector.join();
        if (!failures.isEmpty()) {
            throw new AssertionError("the load failed", failures.getFirst());
        }
    }

    private void load(MemGuard guard, AtomicBoolean end) {
        byte[][] garbage = new byte[64][];
        for (int round = 0; !end.get(); round++) {
            int number = ThreadLocalRandom.current().nextInt(SIZES.length);
            read(guard, value(number));
            garbage[round % garbage.length] = new byte[1000];
            if (round % garbage.length == 0) {
                store(guard, value(number), value(number));
                guard.cleanupMemory();
                LockSupport.parkNanos(10_000_000); // The search needs a processor, too.
            }
        }
    }

    private static void collect(AtomicBoolean end) {
        while (!end.get()) {
            System.gc();
            LockSupport.parkNanos(50_000_000);
        }
    }

    /** Its key in a token would stay. */
    private void remove() {
        try (var guard = open(OpenMode.EXISTING, NEW_PASSPHRASE)) {
            guard.cleanupAll();
        }
    }
}
