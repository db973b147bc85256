package io.memguard.crash;

import io.memguard.os.Posix;
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
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The library of {@code src/test/native/filetrace.c}: what the parent needs to start a traced child, and the child's side. */
public final class Filetrace {
    /** In place of an error number: half of a read or a write. */
    public static final int SHORT = -1;

    private final SymbolLookup library;
    private final MethodHandle mark;
    private final MethodHandle fault;

    /** In a child, before anything else: from here on calls by FFM go through the library, too. */
    public Filetrace() {
        String path = System.getenv("LD_PRELOAD");
        System.load(path);
        // Looks all its functions up, in loaded libraries first; in no fixed order once there are several.
        Posix.effectiveUser();
        library = SymbolLookup.libraryLookup(path, Arena.global());
        mark = handle("filetrace_mark", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
        fault = handle(
                "filetrace_fault",
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
    }

    /**
     * What to put in front of {@code java}.
     *
     * @param root the directory whose files are traced
     * @param log where the record goes
     * @param kill the number of the call before which the child is killed; 0 for none
     */
    public static List<String> environment(Path root, @Nullable Path log, long kill)
            throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(
                "env",
                "LD_PRELOAD=" + Preload.built("filetrace"),
                "FILETRACE_ROOT=" + root.toRealPath(),
                "JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-CreateCoredumpOnCrash"));
        if (log != null) {
            command.add("FILETRACE_LOG=" + log);
        }
        if (kill > 0) {
            command.add("FILETRACE_KILL=" + kill);
        }
        return command;
    }

    /** A line of its own in the record. */
    public void mark(String text) {
        try (var arena = Arena.ofConfined()) {
            mark.invokeExact((MemorySegment) arena.allocateFrom(text));
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Fails calls from the {@code first} one on, counted from 1; {@code first} 0 ends it. */
    public void fault(long first, long count, int error) {
        try {
            fault.invokeExact(first, count, error);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Stops this process, as SIGSTOP does, before a call that is counted from 1 on. */
    public void stop(long call) {
        try {
            handle("filetrace_stop", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG))
                    .invokeExact(call);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Fails every sync until {@link #fault} with 0. */
    public void faultSyncs(int error) {
        fault(1, 1L << 40, error);
        try {
            handle("filetrace_only_syncs", FunctionDescriptor.ofVoid()).invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** How many renames, links, unlinks and syncs there were. */
    public long changes() {
        return number("filetrace_changes");
    }

    /** Kills this process behind the nth of them from now on. */
    public void killBehind(long change) {
        try {
            handle("filetrace_kill_behind", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG))
                    .invokeExact(change);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** How many calls there were. */
    public long calls() {
        return number("filetrace_calls");
    }

    /** How many of them were made to fail. */
    public long faults() {
        return number("filetrace_faults");
    }

    /** What was made to fail last; empty where nothing was since {@link #fault}. */
    public String failedKind() {
        try {
            var text = (MemorySegment) handle("filetrace_failed_kind", FunctionDescriptor.of(ValueLayout.ADDRESS))
                    .invokeExact();
            return text.reinterpret(32).getString(0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private long number(String function) {
        try {
            return (long) handle(function, FunctionDescriptor.of(ValueLayout.JAVA_LONG))
                    .invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private MethodHandle handle(String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(library.find(name).orElseThrow(), descriptor);
    }
}
