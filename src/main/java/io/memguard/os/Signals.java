package io.memguard.os;

import io.memguard.ffi.Downcall;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * What this process does at a signal. Java lets a program handle those that it does not need itself only by {@code
 * sun.misc.Signal}, which is called by reflection, since javac warns of it whatever one says.
 */
final class Signals {
    private static final int INTERRUPT = 2; // SIGINT, and so on
    private static final int QUIT = 3;
    private static final int STOP = 20;
    private static final long ACTION_SIZE = 256; // No less than sizeof(struct sigaction) anywhere.
    private static final long IGNORE = 1; // SIG_IGN

    private Signals() {}

    /**
     * Runs an action, in a thread of its own, whenever a signal comes.
     *
     * @return what was done before, for {@link #restore}; nothing where the signal is ignored or can't be handled
     */
    @SuppressWarnings("ReferenceEquality") // A proxy, and a constant.
    static @Nullable Object handle(String name, Runnable action) {
        try {
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object ours = Proxy.newProxyInstance(
                    handler.getClassLoader(),
                    new Class<?>[] {handler},
                    (proxy, method, of) -> switch (method.getName()) {
                        case "handle" -> {
                            action.run();
                            yield null;
                        }
                        case "equals" -> proxy == of[0];
                        case "hashCode" -> System.identityHashCode(proxy);
                        default -> name;
                    });
            Object before = set(name, ours);
            if (before == handler.getField("SIG_IGN").get(null)) {
                set(name, before);
                return null;
            }
            return before;
        } catch (ReflectiveOperationException e) {
            return null; // A runtime without jdk.unsupported: the signal does what it always does.
        }
    }

    static void restore(String name, @Nullable Object before) {
        try {
            if (before != null) {
                set(name, before);
            }
        } catch (ReflectiveOperationException e) {
            // There was nothing to restore then.
        }
    }

    /** Sends SIGINT to this process, as Ctrl-C does. */
    static void interrupt() {
        Downcall.callInt(function("raise"), INTERRUPT);
    }

    /** Stops this process, as Ctrl-Z does, and comes back when it goes on. */
    static void stop() {
        try {
            Object ours = set(
                    "TSTP",
                    Class.forName("sun.misc.SignalHandler").getField("SIG_DFL").get(null));
            Downcall.callInt(function("raise"), STOP); // To this thread, so that it is stopped at once.
            restore("TSTP", ours);
        } catch (ReflectiveOperationException e) {
            // Then this was not called by a signal.
        }
    }

    private static Object set(String name, @Nullable Object handler) throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        return signal.getMethod("handle", signal, Class.forName("sun.misc.SignalHandler"))
                .invoke(null, of(name), handler);
    }

    private static Object of(String name) throws ReflectiveOperationException {
        return Class.forName("sun.misc.Signal").getConstructor(String.class).newInstance(name);
    }

    /** Ignores SIGQUIT, at which Java prints the stacks of all threads; returns what {@link #restoreQuit} takes. */
    static MemorySegment ignoreQuit() {
        var before = Arena.ofAuto().allocate(ACTION_SIZE, Long.BYTES);
        try (var arena = Arena.ofConfined()) {
            var ignore = arena.allocate(ACTION_SIZE, Long.BYTES);
            ignore.set(ValueLayout.JAVA_LONG, 0, IGNORE);
            sigaction(ignore, before);
        }
        return before;
    }

    static void restoreQuit(MemorySegment before) {
        sigaction(before, MemorySegment.NULL);
    }

    private static void sigaction(MemorySegment action, MemorySegment before) {
        Downcall.callInt(function("sigaction"), QUIT, action, before);
    }

    /** Whether this process is of the group that a terminal belongs to just now: others that set it up are stopped. */
    static boolean isForeground(int terminal) {
        return Downcall.callInt(function("tcgetpgrp"), terminal) == Downcall.callInt(function("getpgrp"));
    }

    private static MemorySegment function(String name) {
        return Linker.nativeLinker().defaultLookup().find(name).orElseThrow();
    }
}
