package io.memguard.ffi;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Calls any function of C that takes up to eight integers and pointers and returns one or nothing, by one shape of call for
 * all: Java needs 7 ms to link a shape, and opening a store would take some 25 of them. The generated bindings come here,
 * but for those of a hot read, which are linked as they are (see jextract/generate.sh).
 *
 * <p>Each argument is passed as one word, and words that a function does not take are zero. Both calling conventions of
 * Linux allow that: a function looks at its own arguments only, at the low bits of a word where one is narrower, and the
 * caller clears the stack (System V ABI for AMD64, 3.2.3; AAPCS64, 6.8.2). No function may take a structure or a
 * floating-point number by value; an unsigned char must be less than 128 (as CK_BBOOL is), since some compilers expect the
 * caller to extend it.
 *
 * <p>Thread-safe. A segment that is passed stays alive during the call, as with any downcall; it must be native.
 */
public final class Downcall {
    private static final int CACHE_LINE = 64;
    private static final int LINES = 64;
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final long ERRNO = STATE.byteOffset(StructLayout.PathElement.groupElement("errno"));
    private static final AddressLayout WORD = ValueLayout.ADDRESS;

    // As if the arguments were variable, so that the number of vector registers is passed that printf(3) and similar
    // functions look at: 0.
    private static final MethodHandle HANDLE = Linker.nativeLinker()
            .downcallHandle(
                    FunctionDescriptor.of(ValueLayout.JAVA_LONG, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD),
                    Linker.Option.captureCallState("errno"),
                    Linker.Option.firstVariadicArg(1));

    /** The shape of mg_window_release, which is linked anyway. */
    private static final MethodHandle ONE_WORD =
            Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

    /** Where errno goes that no caller asks for; lines of their own for most threads, so that they don't wait for each other. */
    private static final MemorySegment UNREAD = Arena.global().allocate(CACHE_LINE * LINES, CACHE_LINE);

    private Downcall() {}

    /** Calls a function that returns an int. */
    public static int callInt(MemorySegment function, Object... arguments) {
        return (int) call(unread(), function, arguments);
    }

    /**
     * Calls a function of one word that returns an int, or nothing. Takes no memory of the heap: for giving back what has
     * to be given back also where the heap is full.
     */
    public static int callOneWord(MemorySegment function, long argument) {
        try {
            return (int) ONE_WORD.invokeExact(function, argument);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e); // A C function throws nothing.
        }
    }

    /**
     * A call whose arguments are known before: making it takes no memory of the heap, either. The segments must stay alive.
     */
    public static final class Prepared {
        private final MemorySegment function;
        private final MemorySegment state;
        private final MemorySegment[] words = new MemorySegment[8];

        private Prepared(MemorySegment function, MemorySegment state, Object... arguments) {
            this.function = function;
            this.state = state;
            for (int i = 0; i < words.length; i++) {
                words[i] = word(arguments, i);
            }
        }

        /** Calls it; what it returns is in the low bits where it returns an int. */
        public long call() {
            try {
                return (long) HANDLE.invokeExact(
                        function, state, words[0], words[1], words[2], words[3], words[4], words[5], words[6],
                        words[7]);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Prepares a call that keeps errno in {@code state}, see {@link #allocateState}. */
    public static Prepared prepare(MemorySegment state, MemorySegment function, Object... arguments) {
        if (arguments.length > 8) {
            throw new IllegalArgumentException("a function of " + arguments.length + " arguments");
        }
        return new Prepared(function, state, arguments);
    }

    /** Calls a function that returns a long. */
    public static long callLong(MemorySegment function, Object... arguments) {
        return call(unread(), function, arguments);
    }

    /** Calls a function that returns a pointer; the segment has no bounds. */
    public static MemorySegment callPointer(MemorySegment function, Object... arguments) {
        return MemorySegment.ofAddress(call(unread(), function, arguments)).reinterpret(Long.MAX_VALUE);
    }

    /** Calls a function that returns nothing. */
    public static void callVoid(MemorySegment function, Object... arguments) {
        call(unread(), function, arguments);
    }

    /** Calls a function that returns an int, and keeps errno in {@code state}. */
    public static int callIntKeepingErrno(MemorySegment state, MemorySegment function, Object... arguments) {
        return (int) call(state, function, arguments);
    }

    /** Calls a function that returns a long, and keeps errno in {@code state}. */
    public static long callLongKeepingErrno(MemorySegment state, MemorySegment function, Object... arguments) {
        return call(state, function, arguments);
    }

    /** Room for the errno of one call. */
    public static MemorySegment allocateState(Arena arena) {
        return arena.allocate(STATE);
    }

    /** What errno(3) was after the call that was given this state. */
    public static int errno(MemorySegment state) {
        return state.get(ValueLayout.JAVA_INT, ERRNO);
    }

    private static long call(MemorySegment state, MemorySegment function, Object... arguments) {
        if (arguments.length > 8) {
            throw new IllegalArgumentException("a function of " + arguments.length + " arguments");
        }
        try {
            return (long) HANDLE.invokeExact(
                    function,
                    state,
                    word(arguments, 0),
                    word(arguments, 1),
                    word(arguments, 2),
                    word(arguments, 3),
                    word(arguments, 4),
                    word(arguments, 5),
                    word(arguments, 6),
                    word(arguments, 7));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e); // A C function throws nothing.
        }
    }

    private static MemorySegment word(Object[] arguments, int index) {
        if (index >= arguments.length) {
            return MemorySegment.NULL;
        }
        Object argument = arguments[index];
        // No switch: Java would take milliseconds to link it.
        if (argument instanceof MemorySegment segment) {
            return segment;
        }
        if (argument instanceof Long || argument instanceof Integer || argument instanceof Byte) {
            return MemorySegment.ofAddress(((Number) argument).longValue());
        }
        throw new IllegalArgumentException("neither a pointer nor an integer: argument " + (index + 1));
    }

    private static MemorySegment unread() {
        return UNREAD.asSlice(Thread.currentThread().threadId() % LINES * CACHE_LINE, STATE);
    }
}
