package io.memguard.memory;

import static io.memguard.ffi.gen.cache.CacheLibrary.*;

import io.memguard.os.Forgotten;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/** An HMAC in steps; its state lies in protected memory, and is wiped when it is closed or forgotten. Not thread-safe. */
public final class Hmac implements AutoCloseable {
    private final long number;
    private final int length;
    private final Runnable closing;

    private Hmac(long number, int length) {
        this.number = number;
        this.length = length;
        this.closing = Forgotten.watch(this, () -> mg_hmac_free(number));
    }

    /**
     * The HMAC of one short message.
     *
     * @param hash 1, 224, 256, 384 or 512
     * @param length how long the result is
     */
    public static byte[] of(SealedValue key, int hash, byte[] data, int count, int length) {
        SymmetricCalls.link();
        try {
            var mac = new byte[length];
            long made = mg_hmac(
                    key.cache(),
                    key.handle(),
                    hash,
                    MemorySegment.ofArray(data),
                    count,
                    MemorySegment.ofArray(mac),
                    length);
            if (made < 0) {
                SymmetricCalls.checked(
                        made,
                        () -> mg_hmac(
                                key.cache(),
                                key.handle(),
                                hash,
                                MemorySegment.ofArray(data),
                                count,
                                MemorySegment.ofArray(mac),
                                length));
            }
            return mac;
        } finally {
            Reference.reachabilityFence(key);
        }
    }

    /** Begins with the first bytes of a message, at most 32 KiB. */
    public static Hmac begin(SealedValue key, int hash, byte[] data, int count, int length) {
        SymmetricCalls.link();
        try {
            var first = MemorySegment.ofArray(data);
            long number = SymmetricCalls.checked(
                    mg_hmac_begin(key.cache(), key.handle(), hash, first, count),
                    () -> mg_hmac_begin(key.cache(), key.handle(), hash, first, count));
            return new Hmac(number, length);
        } finally {
            Reference.reachabilityFence(key);
        }
    }

    /** Goes on with a segment of the heap or native memory. */
    public void update(MemorySegment data) {
        try {
            long size = data.byteSize();
            for (long at = 0; at < size; at += SymmetricCalls.SHORT) {
                long step = Math.min(SymmetricCalls.SHORT, size - at);
                SymmetricCalls.checked(mg_hmac_update(number, data.asSlice(at, step), step));
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** The result; from here on the message is empty again. */
    public byte[] finish() {
        try (var arena = Arena.ofConfined()) {
            var mac = arena.allocate(length);
            SymmetricCalls.checked(mg_hmac_finish(number, mac, length));
            return mac.toArray(ValueLayout.JAVA_BYTE);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Another one that goes on where this one is. */
    public Hmac copy() {
        try {
            long copy = SymmetricCalls.checked(mg_hmac_copy(number), () -> mg_hmac_copy(number));
            return new Hmac(copy, length);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Wipes the state. Idempotent. */
    @Override
    public void close() {
        closing.run();
    }
}
