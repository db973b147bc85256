package io.memguard.memory;

import io.memguard.ffi.gen.cache.CacheLibrary;

/**
 * Makes sure that a thread has stack enough before something is taken: Java throws StackOverflowError wherever a method
 * begins, also in the one that would give it back, or in the first use of a class, which is unusable from then on.
 */
public final class StackRoom {
    /** For giving back what is lent, in bytes. */
    private static final long GIVING_BACK = 32 << 10;

    /** For a call that works with files and may be the first one, in bytes. */
    private static final long CALL = 64 << 10;

    /** For linking a function of C, in bytes; Java makes classes then. */
    private static final long LINKING = 96 << 10;

    private static final int LEVELS = 400; // of some 100 bytes each

    private StackRoom() {}

    /** Before something is taken that has to be given back. */
    public static void require() {
        require(GIVING_BACK);
    }

    /** Before a call that works with files. */
    public static void requireForCall() {
        require(CALL);
    }

    /** Before the first call of a function that is not called like all others; see {@link io.memguard.ffi.Downcall}. */
    static void requireForLinking() {
        require(LINKING);
    }

    private static void require(long bytes) {
        if (!NativeLibraries.isLoaded()) {
            touch(LEVELS);
        } else if (CacheLibrary.mg_stack_left() < bytes) {
            throw error();
        }
    }

    /** What Java would throw a few calls later. */
    static StackOverflowError error() {
        return new StackOverflowError("the stack is nearly used up: nothing was begun that could not be ended");
    }

    /** Uses the stack, since there is nothing to ask yet. */
    static int touch(int levels) {
        return levels == 0 ? 0 : touch(levels - 1) + 1;
    }
}
