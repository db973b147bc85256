package io.memguard.keylife;

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
import java.util.List;

/** The library of {@code src/test/native/stepper.c}, by which threads of a child, the actors, run one at a time. */
final class Stepper {
    /** Where an actor is. */
    enum State {
        LOST,
        RUNNING,
        STOPPED,
        WAITING,
        POLLING,
        ENDED,
        KILLED
    }

    private static final int STEP = 1024;

    private final MethodHandle enter;
    private final MethodHandle leave;
    private final MethodHandle stop;
    private final MethodHandle await;
    private final MethodHandle go;
    private final MethodHandle reset;
    private final MethodHandle step;
    private final MethodHandle isFree;
    private final MethodHandle kill;
    private final MethodHandle bury;

    /** In a child, before anything else: from here on calls by FFM go through the library, too. */
    Stepper() {
        String path = System.getenv("LD_PRELOAD");
        System.load(path);
        Posix.effectiveUser(); // Looks all its functions up, in loaded libraries first.
        var library = SymbolLookup.libraryLookup(path, Arena.global());
        var number = ValueLayout.JAVA_INT;
        enter = handle(library, "enter", FunctionDescriptor.ofVoid(number));
        leave = handle(library, "leave", FunctionDescriptor.ofVoid());
        stop = handle(library, "stop", FunctionDescriptor.of(number, ValueLayout.ADDRESS));
        await = handle(library, "await", FunctionDescriptor.of(number, number));
        go = handle(library, "go", FunctionDescriptor.of(number, number, number));
        reset = handle(library, "reset", FunctionDescriptor.ofVoid());
        step = handle(library, "step", FunctionDescriptor.of(ValueLayout.ADDRESS, number));
        isFree = handle(library, "is_free", FunctionDescriptor.of(number, number));
        kill = handle(library, "kill", FunctionDescriptor.ofVoid(number));
        bury = handle(library, "bury", FunctionDescriptor.ofVoid(number));
    }

    private static MethodHandle handle(SymbolLookup library, String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker()
                .downcallHandle(library.find("stepper_" + name).orElseThrow(), descriptor);
    }

    /** What to put in front of {@code java}. */
    static List<String> environment() throws IOException, InterruptedException {
        return List.of(
                "env",
                "LD_PRELOAD=" + Preload.built("stepper"),
                "JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-CreateCoredumpOnCrash");
    }

    /** Makes this thread an actor; returns when it is told to go on. */
    void enter(int actor) {
        try {
            enter.invokeExact(actor);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** This thread has ended its work. */
    void leave() {
        try {
            leave.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** A step of its own; nothing where this thread is no actor. False where the actor is dead. */
    boolean stop(String kind) {
        try (var arena = Arena.ofConfined()) {
            return (int) stop.invokeExact(arena.allocateFrom(kind)) == 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Waits until an actor has stopped. */
    State await(int actor) {
        try {
            return State.values()[(int) await.invokeExact(actor)];
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Lets an actor take one step.
     *
     * @param late whether the lock that it polls is not free before its patience ends
     */
    State go(int actor, boolean late) {
        try {
            return State.values()[(int) go.invokeExact(actor, late ? 1 : 0)];
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** An actor takes no further step: others see what they would see if its process got SIGKILL. */
    void kill(int actor) {
        try {
            kill.invokeExact(actor);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Lets the thread of a dead actor end, when nothing that it does counts any more. */
    void bury(int actor) {
        try {
            bury.invokeExact(actor);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Before the next run. */
    void reset() {
        try {
            reset.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** What an actor has stopped before. */
    String step(int actor) {
        try {
            return ((MemorySegment) step.invokeExact(actor)).reinterpret(STEP).getString(0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Whether an actor could take the lock that it waits for. */
    boolean isFree(int actor) {
        try {
            return (int) isFree.invokeExact(actor) != 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
