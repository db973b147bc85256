package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.Borrower;
import io.memguard.ffi.gen.cache.MgWindow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Locked windows that hold plaintext while it is in use; released windows are wiped. */
public final class Windows {
    private static final long INDEX_MASK = 0xFFFF;
    private static final long STRIDE = MgWindow.layout().byteSize();
    private static final long DATA = MgWindow.data$offset();
    private static final long LENGTH = MgWindow.length$offset();

    private Windows() {}

    private static boolean linked; // Set once; a thread that does not see it yet does it again.

    /** Java makes another form of a method handle at its 127th call, which takes memory of the heap. */
    private static final int CALLS_UNTIL_SETTLED = 150;

    /** Makes sure that what takes a window back needs no memory of the heap, nor room for classes, when there is one. */
    static void link() {
        if (!linked) {
            StackRoom.requireForLinking();
            for (int i = 0; i < CALLS_UNTIL_SETTLED; i++) {
                mg_window_release(-1);
            }
            memory(0, Arena.global());
            linked = true;
        }
    }

    /** Takes a zeroed window of {@code length} bytes, to be given to {@link #release}. */
    static long acquire(long length) {
        link();
        return WindowBackoff.retry(() -> mg_window_acquire(length, SealedCache.flags()), length);
    }

    /** Wipes a window and takes it back. */
    static void release(long window) {
        NativeStatus.check(mg_window_release(window));
        WindowBackoff.letOthersGo();
    }

    /** Lends an open window read-only and releases it. The arena ends before the window is wiped and used again. */
    static <R extends @Nullable Object, X extends Throwable> R lend(long window, Borrower<R, X> use) throws X {
        try (var arena = Arena.ofConfined()) {
            return use.use(memory(window, arena).asReadOnly());
        } finally {
            release(window);
        }
    }

    /** Gives the locked memory of idle windows, wiped already, back to the system; returns how many bytes that was. */
    public static long trim() {
        return NativeStatus.check(mg_trim());
    }

    /** Its memory, writable, as long as the arena lives; the arena has to end before the window is released. */
    static MemorySegment memory(long window, Arena arena) {
        long descriptor = (window & INDEX_MASK) * STRIDE;
        long address = Table.MEMORY.get(ValueLayout.JAVA_LONG, descriptor + DATA);
        long length = Table.MEMORY.get(ValueLayout.JAVA_LONG, descriptor + LENGTH);
        return MemorySegment.ofAddress(address).reinterpret(length, arena, null);
    }

    /** Where the Rust side says which memory a window is; looked up when the library is loaded. */
    private static final class Table {
        static final MemorySegment MEMORY = mg_windows().reinterpret((INDEX_MASK + 1) * STRIDE);
    }
}
