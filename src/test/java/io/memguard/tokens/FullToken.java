package io.memguard.tokens;

import io.memguard.Secrets;
import io.memguard.keys.RollbackRecords;
import io.memguard.keys.pkcs11.Pkcs11Records;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Map;

/** A token in this JVM's memory that has no room, or fails, when it is told so: src/test/native/full_token.c. */
public final class FullToken {
    private static final long DEVICE_ERROR = 0x30;
    private static final long DEVICE_MEMORY = 0x31;

    private final Path module;
    private final MethodHandle fail;
    private final MethodHandle empty;
    private boolean inPlace;

    /** How a write of a token fails. */
    public enum Fault {
        /** There is no room for more, now and later; objects can still be removed. */
        FULL(DEVICE_MEMORY, false, true),
        /** The device is broken, now and later. */
        BROKEN(DEVICE_ERROR, false, true),
        /** An error once, though it was done. */
        DONE_NEVERTHELESS(DEVICE_ERROR, true, false),
        /** No error, though nothing was kept: SoftHSM does so on a full disk. */
        LOST_SILENTLY(0, false, true);

        private final long answer;
        private final boolean nevertheless;
        private final boolean ever;

        Fault(long answer, boolean nevertheless, boolean ever) {
            this.answer = answer;
            this.nevertheless = nevertheless;
            this.ever = ever;
        }
    }

    /** Builds its library in this directory. */
    public FullToken(Path directory) {
        module = directory.resolve("full_token.so");
        Path source = Path.of("src", "test", "native", "full_token.c").toAbsolutePath();
        Tools.run(Map.of(), "cc", "-shared", "-fPIC", "-w", "-o", module.toString(), source.toString());
        var descriptor = FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT);
        var symbols = SymbolLookup.libraryLookup(module, Arena.global());
        fail = Linker.nativeLinker()
                .downcallHandle(symbols.find("full_token_fail").orElseThrow(), descriptor);
        empty = Linker.nativeLinker()
                .downcallHandle(symbols.find("full_token_empty").orElseThrow(), FunctionDescriptor.ofVoid());
    }

    /**
     * Begins with an empty one.
     *
     * @param changesInPlace whether it can change an object, or has to be given another one in its place
     */
    public void clear(boolean changesInPlace) {
        inPlace = changesInPlace;
        works();
        try {
            empty.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** How many writes something is. */
    public long writesOf(Runnable work) {
        fail(1, 0, true, true);
        work.run();
        return works();
    }

    /** It fails at its nth write from now on. */
    public void failAt(long nth, Fault how) {
        fail(nth, how.answer, how.nevertheless, how.ever);
    }

    /** There is room again; returns how many writes failed before. */
    public long works() {
        return fail(0, 0, false, false);
    }

    private long fail(long nth, long answer, boolean nevertheless, boolean ever) {
        try {
            return (long) fail.invokeExact(nth, answer, nevertheless ? 1 : 0, ever ? 1 : 0, inPlace ? 1 : 0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Records in it. */
    public RollbackRecords records() {
        return Pkcs11Records.uri("pkcs11:token=full?module-path=" + module, () -> Secrets.text("no PIN is asked for"));
    }
}
