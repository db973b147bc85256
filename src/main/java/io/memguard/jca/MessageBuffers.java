package io.memguard.jca;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** Arrays for short messages, used again so that a MAC costs no more of the heap than its result. Wiped when they come back. */
final class MessageBuffers {
    /** Of each array, in bytes. */
    static final int LENGTH = 1024;

    private static final int PLACES = 64;
    private static final AtomicReferenceArray<byte @Nullable []> FREE = new AtomicReferenceArray<>(PLACES);

    private MessageBuffers() {}

    static byte[] take() {
        byte[] buffer = FREE.getAndSet(place(), null);
        return buffer != null ? buffer : new byte[LENGTH];
    }

    /** @param used how many bytes of it were written to */
    static void giveBack(byte[] buffer, int used) {
        Arrays.fill(buffer, 0, used, (byte) 0);
        FREE.set(place(), buffer);
    }

    private static int place() {
        return (int) (Thread.currentThread().threadId() % PLACES);
    }
}
