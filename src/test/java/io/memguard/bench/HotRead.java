package io.memguard.bench;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secret;
import io.memguard.Secrets;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
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

/** What a hot read costs, beside the floor of a map on the heap. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgs = {"--enable-native-access=ALL-UNNAMED"})
public class HotRead {
    /** Length of the value in bytes. */
    @Param({"32", "4096", "1048576"})
    public int size;

    private MemGuard guard;
    private Secret secret;
    private Path directory;
    private final ConcurrentHashMap<String, byte[]> heap = new ConcurrentHashMap<>();

    /** Opens a store with one value. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        directory = Files.createTempDirectory("memguard-bench");
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        try (var value = Secrets.random(size, 1)) {
            guard.store("name", value);
        }
        secret = guard.secret("name").orElseThrow();
        heap.put("name", new byte[size]);
    }

    /** Removes it. */
    @TearDown(Level.Trial)
    public void close() {
        guard.cleanupAll();
        guard.close();
    }

    private static byte first(MemorySegment segment) {
        return segment.get(ValueLayout.JAVA_BYTE, 0);
    }

    /** By handle. */
    @Benchmark
    public byte handle() {
        return secret.<Byte, RuntimeException>read(HotRead::first);
    }

    /** By name. */
    @Benchmark
    public byte name() {
        return guard.<Byte, RuntimeException>read("name", HotRead::first);
    }

    /** The floor: plaintext in a map on the heap. */
    @Benchmark
    public byte heapMap() {
        return heap.get("name")[0];
    }
}
