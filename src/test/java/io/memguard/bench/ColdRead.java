package io.memguard.bench;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.StoreKey;
import io.memguard.memory.PlaintextBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What a read from disk costs, with the file in the page cache, beside opening, reading and decrypting a file by hand. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgs = {"--enable-native-access=ALL-UNNAMED"})
public class ColdRead {
    /** Length of the value in bytes. */
    @Param({"1024", "5000000"})
    public int size;

    private String[] names;
    private int next;
    private MemGuard guard;
    private Path file;
    private StoreKey key;
    private MemorySegment aad;

    /** Makes a store with some values, and the same as a plain file. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        Path directory = Files.createTempDirectory("memguard-bench");
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        aad = Arena.ofAuto().allocate(53);
        var sealed = Arena.ofAuto().allocate(size + StoreKey.OVERHEAD);
        try (var value = Secrets.random(size, 1);
                var bytes = Secrets.random(32, 1)) {
            // As many as make emptying the cache cheap for each.
            names = IntStream.range(0, size < 1 << 20 ? 1000 : 4)
                    .mapToObj(i -> "name " + i)
                    .toArray(String[]::new);
            for (String name : names) {
                guard.store(name, value);
            }
            next = names.length; // Stored values are in the cache.
            key = StoreKey.aes256Gcm(bytes);
            value.<Boolean, RuntimeException>read(plain -> {
                key.seal(aad, plain, sealed);
                return true;
            });
        }
        file = directory.resolve("plain");
        Files.write(file, Base64.getEncoder().encode(sealed.toArray(ValueLayout.JAVA_BYTE)));
    }

    /** Removes both. */
    @TearDown(Level.Trial)
    public void close() throws IOException {
        guard.cleanupAll();
        guard.close();
        key.close();
        Files.delete(file);
    }

    private static byte first(MemorySegment segment) {
        return segment.get(ValueLayout.JAVA_BYTE, 0);
    }

    /** Empties the cache, and leaves the windows: what a service has that reads one value after the other. */
    @Setup(Level.Invocation)
    public void empty() {
        if (next == names.length) {
            guard.shutdownCache();
            guard.startCache();
            next = 0;
        }
    }

    /** Not in the cache. */
    @Benchmark
    public byte cold() {
        return guard.<Byte, RuntimeException>read(names[next++], ColdRead::first);
    }

    /** The same cipher, locked memory and Base64, but no lock, no counter, and no cache. */
    @Benchmark
    public byte openReadDecrypt() throws IOException {
        byte[] sealed = Base64.getDecoder().decode(Files.readAllBytes(file));
        return PlaintextBuffer.<Byte, RuntimeException>lend(size, plain -> {
            try (var confined = Arena.ofConfined()) {
                key.open(aad, confined.allocateFrom(ValueLayout.JAVA_BYTE, sealed), plain);
            }
            return first(plain);
        });
    }
}
