package io.memguard.os;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What a file is to hold, written piece by piece, so that a large one is never in memory as a whole. */
@FunctionalInterface
public interface FileContent {
    /** Writes it, from the beginning; may be called by any thread. */
    void writeTo(Output out) throws IOException;

    /** Where it goes. */
    @FunctionalInterface
    interface Output {
        /** Takes the next piece, which is native memory of the caller. */
        void write(MemorySegment piece) throws IOException;
    }

    /** An array, which is not copied before it is written. */
    static FileContent of(byte[] bytes) {
        return out -> {
            try (var arena = Arena.ofConfined()) {
                out.write(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
            }
        };
    }
}
