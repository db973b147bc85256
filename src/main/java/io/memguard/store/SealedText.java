package io.memguard.store;

import io.memguard.memory.Base64Text;
import io.memguard.os.SmallFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What the Base64 of a value's file decodes to, in ordinary native memory: ciphertext. Decoded piece by piece, each while
 * it is in the processor's cache. A long text's memory is used again by the next one: fresh pages cost as much as the
 * decoding.
 */
final class SealedText implements AutoCloseable {
    private static final int PIECE = 1 << 17; // a multiple of 4 characters
    private static final long MOST_SPARE = 16 << 20;

    private static final AtomicReference<@Nullable MemorySegment> SPARE = new AtomicReference<>();

    private final @Nullable Arena arena;
    private final MemorySegment memory;
    private MemorySegment bytes = MemorySegment.NULL;

    @SuppressWarnings("MustBeClosedChecker") // by close()
    private SealedText(long room) {
        if (room <= PIECE) {
            arena = Arena.ofConfined();
            memory = arena.allocate(room);
        } else {
            arena = null;
            MemorySegment spare = SPARE.getAndSet(null);
            memory = spare != null && spare.byteSize() >= room
                    ? spare
                    : Arena.ofAuto().allocate(room);
        }
    }

    /** Reads a file to its end; what is not Base64 becomes something that never verifies. */
    static SealedText read(SmallFile file) throws IOException {
        long room = Base64Text.room(file.size());
        long piece = Math.min(PIECE, file.size());
        var text = new SealedText(room + piece);
        try {
            text.decode(file, text.memory.asSlice(room, piece), text.memory.asSlice(0, room));
            return text;
        } catch (Throwable failure) {
            text.close();
            throw failure;
        }
    }

    private void decode(SmallFile file, MemorySegment piece, MemorySegment target) throws IOException {
        long length = 0;
        for (long read = 0; read < file.size(); read += PIECE) {
            var characters = piece.asSlice(0, file.read(piece));
            // As much as this piece needs: the native decoder takes no more room than the longest value.
            long room = Math.min(target.byteSize() - length, Base64Text.room(characters.byteSize() + 3));
            long decoded = Base64Text.decode(characters, target.asSlice(length, room));
            if (decoded == Base64Text.INVALID) {
                return;
            }
            length += decoded;
        }
        bytes = target.asSlice(0, length);
    }

    /** The sealed bytes, as long as this is not closed; none where the file was no Base64. */
    MemorySegment bytes() {
        return bytes;
    }

    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        } else if (memory.byteSize() <= MOST_SPARE) {
            SPARE.set(memory);
        }
    }
}
