package io.memguard.bench;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.memory.NativeLibraries;
import io.memguard.memory.SealedCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
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

/** Where a hot read of 32 bytes spends its time. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgs = {"--enable-native-access=ALL-UNNAMED"})
public class HotReadParts {
    private static final MethodHandle NOTHING;
    private static final MethodHandle ACQUIRE;

    static {
        NativeLibraries.require(); // Else the bindings find nothing.
        NOTHING = mg_abi_version$handle();
        ACQUIRE = mg_window_acquire$handle();
    }

    /** The value's length in bytes. */
    @Param("32")
    public int size;

    private SealedCache first;
    private long cache;
    private long handle;
    private MemorySegment memory;

    /** A cache with one value. */
    @Setup(Level.Trial)
    public void open() {
        first = SealedCache.create(); // makes the process key
        memory = Arena.ofAuto().allocate(size);
        var out = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
        mg_cache_new(0, out);
        cache = out.get(ValueLayout.JAVA_LONG, 0);
        mg_put(cache, memory, size, 0, 0, out);
        handle = out.get(ValueLayout.JAVA_LONG, 0);
    }

    /** Frees it. */
    @TearDown(Level.Trial)
    public void close() {
        mg_cache_free(cache);
        first.close();
    }

    /** A call that does nothing. */
    @Benchmark
    public int downcall() throws Throwable {
        return (int) NOTHING.invokeExact();
    }

    /** The same in the shape that all but the calls of a hot read share. */
    @Benchmark
    public int sharedDowncall() {
        return mg_abi_version();
    }

    /** A segment that ends with its callback. */
    @Benchmark
    public byte arena() {
        try (var arena = Arena.ofConfined()) {
            return MemorySegment.ofAddress(memory.address())
                    .reinterpret(size, arena, null)
                    .asReadOnly()
                    .get(ValueLayout.JAVA_BYTE, 0);
        }
    }

    /** A window without a value: taken, given back, wiped; two downcalls. */
    @Benchmark
    public int windowAndWipe() throws Throwable {
        return mg_window_release((long) ACQUIRE.invokeExact((long) size, 0));
    }

    /** The same with the value found and decrypted; two downcalls. */
    @Benchmark
    public int windowWipeAndCipher() {
        return mg_window_release(mg_borrow(cache, handle));
    }
}
