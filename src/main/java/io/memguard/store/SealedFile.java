package io.memguard.store;

import io.memguard.keys.StoreKey;
import io.memguard.memory.OrdinaryMemory;
import io.memguard.os.FileContent;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.Fingerprint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * Ciphertext on its way into a file: a short one on the heap, a long one in native memory. Its Base64 is made piece by piece
 * while it is written. Any thread may write it.
 */
final class SealedFile implements FileContent, AutoCloseable {
    private static final int SHORT = 1 << 16;
    private static final int PIECE = 3 << 14; // becomes 64 KiB of text

    private final @Nullable Arena arena;
    private final MemorySegment sealed;

    private SealedFile(@Nullable Arena arena, MemorySegment sealed) {
        this.arena = arena;
        this.sealed = sealed;
    }

    /** Encrypts native plaintext. */
    @SuppressWarnings("MustBeClosedChecker") // by close()
    static SealedFile seal(EntryCipher cipher, EntryCipher.Purpose purpose, byte[] context, MemorySegment plaintext) {
        if (plaintext.byteSize() <= SHORT) {
            return new SealedFile(null, MemorySegment.ofArray(cipher.seal(purpose, context, plaintext)));
        }
        var arena = Arena.ofShared();
        try {
            var sealed = OrdinaryMemory.allocate(plaintext.byteSize() + StoreKey.OVERHEAD, arena);
            cipher.seal(purpose, context, plaintext, sealed);
            return new SealedFile(arena, sealed);
        } catch (Throwable failure) {
            arena.close();
            throw failure;
        }
    }

    Fingerprint state() {
        return Fingerprint.of(sealed);
    }

    /** The length of the file, in bytes. */
    long size() {
        return (sealed.byteSize() + 2) / 3 * 4;
    }

    @Override
    public void writeTo(Output out) throws IOException {
        try (var room = Arena.ofConfined()) {
            var text = room.allocate(Math.min(size(), PIECE / 3 * 4));
            byte[] piece = {};
            byte[] encoded = {};
            for (long at = 0; at < sealed.byteSize(); at += PIECE) {
                int length = (int) Math.min(PIECE, sealed.byteSize() - at);
                if (length != piece.length) {
                    piece = new byte[length];
                    encoded = new byte[(length + 2) / 3 * 4];
                }
                MemorySegment.copy(sealed, ValueLayout.JAVA_BYTE, at, piece, 0, length);
                Base64.getEncoder().encode(piece, encoded);
                MemorySegment.copy(encoded, 0, text, ValueLayout.JAVA_BYTE, 0, encoded.length);
                out.write(text.asSlice(0, encoded.length));
            }
        }
    }

    /** Frees it, when no thread writes it any more. */
    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }
}
