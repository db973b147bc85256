package io.memguard.memory;

import io.memguard.Borrower;
import org.jspecify.annotations.Nullable;

/** Protected memory for plaintext that is on its way: a window, or without the native library locked pages. */
public final class Scratch {
    private Scratch() {}

    /** Lends {@code length} zeros, writable; wiped when the callback ends. */
    public static <R extends @Nullable Object, X extends Throwable> R lend(long length, Borrower<R, X> use) throws X {
        if (NativeLibraries.isLoaded()) {
            return Windows.scratch(length, use);
        }
        try (var memory = GuardedMemory.allocate(length)) {
            return memory.write(use);
        }
    }
}
