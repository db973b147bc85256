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
import java.util.concurrent.atomic.AtomicInteger;
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
        jvmArgs = {"--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"})
public class HotRead {
    private static final int SECRETS = 8; // as many threads may have one of their own

    /** Length of the value in bytes. */
    @Param({"32", "4096", "1048576"})
    public int size;

    private MemGuard guard;
    private Secret shared;
    private Path directory;
    private final ConcurrentHashMap<String, byte[]> heap = new ConcurrentHashMap<>();

    /** Opens a store with a value for each thread. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        directory = Files.createTempDirectory("memguard-bench");
        guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        for (int i = 0; i < SECRETS; i++) {
            try (var value = Secrets.random(size, i)) {
                guard.store("name" + i, value);
            }
            heap.put("name" + i, new byte[size]);
        }
        shared = guard.secret("name0").orElseThrow();
    }

    /** Removes it. */
    @TearDown(Level.Trial)
    public void close() {
        guard.cleanupAll();
        guard.close();
    }

    /** What a thread has for itself. */
    @State(Scope.Thread)
    public static class Own {
        private static final AtomicInteger NEXT = new AtomicInteger();

        private String name;
        private Secret secret;

        /** Takes the next secret. */
        @Setup(Level.Trial)
        public void choose(HotRead store) {
            name = "name" + NEXT.getAndIncrement() % SECRETS;
            secret = store.guard.secret(name).orElseThrow();
        }
    }

    private static byte first(MemorySegment segment) {
        return segment.get(ValueLayout.JAVA_BYTE, 0);
    }

    /** By handle, each thread a secret of its own. */
    @Benchmark
    public byte handle(Own own) {
        return own.secret.<Byte, RuntimeException>read(HotRead::first);
    }

    /** By handle, all threads the same secret. */
    @Benchmark
    public byte sameHandle() {
        return shared.<Byte, RuntimeException>read(HotRead::first);
    }

    /** By name, each thread a secret of its own. */
    @Benchmark
    public byte name(Own own) {
        return guard.<Byte, RuntimeException>read(own.name, HotRead::first);
    }

    /** The floor: plaintext in a map on the heap. */
    @Benchmark
    public byte heapMap(Own own) {
        return heap.get(own.name)[0];
    }
}
