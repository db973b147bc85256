package io.memguard.store;

import io.memguard.keys.StoreKey;
import io.memguard.memory.OrdinaryMemory;
import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;
import io.memguard.store.keyring.EntryCipher;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Ciphertext on its way into the storage: a short one on the heap, a long one in native memory. Any thread may read it. */
final class SealedEntry implements AutoCloseable {
    private static final int SHORT = 1 << 16;

    private final @Nullable Arena arena;
    private final MemorySegment bytes;

    private SealedEntry(@Nullable Arena arena, MemorySegment bytes) {
        this.arena = arena;
        this.bytes = bytes;
    }

    /** Encrypts native plaintext. */
    @SuppressWarnings("MustBeClosedChecker") // by close()
    static SealedEntry seal(EntryCipher cipher, EntryId id, MemorySegment plaintext) {
        var purpose = EntryCipher.Purpose.of(id.kind());
        if (plaintext.byteSize() <= SHORT) {
            return new SealedEntry(null, MemorySegment.ofArray(cipher.seal(purpose, id.hash(), plaintext)));
        }
        var arena = Arena.ofShared();
        try {
            var sealed = OrdinaryMemory.allocate(plaintext.byteSize() + StoreKey.OVERHEAD, arena);
            cipher.seal(purpose, id.hash(), plaintext, sealed);
            return new SealedEntry(arena, sealed);
        } catch (Throwable failure) {
            arena.close();
            throw failure;
        }
    }

    MemorySegment bytes() {
        return bytes;
    }

    Fingerprint fingerprint() {
        return Fingerprint.of(bytes);
    }

    long size() {
        return bytes.byteSize();
    }

    /** Frees it, when no thread reads it any more. */
    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }
}
