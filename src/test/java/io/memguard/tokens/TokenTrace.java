package io.memguard.tokens;

import io.memguard.process.Preload;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The module of {@code src/test/native/tokentrace.c}, which stands between a child and SoftHSM, and counts calls: what the
 * parent needs to start the child, and the child's side.
 */
public final class TokenTrace {
    private final MethodHandle calls;
    private final MethodHandle writes;
    private final MethodHandle kill;
    private final MethodHandle fail;

    /** In a child. */
    public TokenTrace() throws IOException, InterruptedException {
        var library = SymbolLookup.libraryLookup(module(), Arena.global());
        var linker = Linker.nativeLinker();
        calls = linker.downcallHandle(
                library.find("tokentrace_calls").orElseThrow(),
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
        writes = linker.downcallHandle(
                library.find("tokentrace_writes").orElseThrow(), FunctionDescriptor.of(ValueLayout.JAVA_LONG));
        kill = linker.downcallHandle(
                library.find("tokentrace_kill_behind").orElseThrow(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
        fail = linker.downcallHandle(
                library.find("tokentrace_fail").orElseThrow(),
                FunctionDescriptor.ofVoid(
                        ValueLayout.ADDRESS,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_INT));
    }

    /** The module. */
    public static Path module() throws IOException, InterruptedException {
        return Preload.built("tokentrace");
    }

    /** What a child needs to see these tokens through it. */
    public static Map<String, String> environment(SoftHsm hsm) {
        var environment = new HashMap<>(hsm.environment());
        environment.put("TOKENTRACE_MODULE", SoftHsm.module().toString());
        return environment;
    }

    /** The same URI, through it. */
    public static String through(String uri) throws IOException, InterruptedException {
        return uri.replace(SoftHsm.module().toString(), module().toString());
    }

    /** How often a function was called. */
    public long calls(String function) {
        try (var arena = Arena.ofConfined()) {
            return (long) calls.invokeExact((MemorySegment) arena.allocateFrom(function));
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** How many calls have changed the token. */
    public long writes() {
        try {
            return (long) writes.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Kills this process behind the nth call from now on that changes the token. */
    public void killBehind(long write) {
        try {
            kill.invokeExact(write);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Answers calls from the {@code first} to the {@code last} one, counted from 1 from now on; {@code first} 0 ends it.
     *
     * @param behind whether the token does what it was asked for all the same
     */
    public void fail(String function, long first, long last, long answer, boolean behind) {
        try (var arena = Arena.ofConfined()) {
            fail.invokeExact((MemorySegment) arena.allocateFrom(function), first, last, answer, behind ? 1 : 0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
