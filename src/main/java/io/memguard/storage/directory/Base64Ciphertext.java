package io.memguard.storage.directory;

import io.memguard.memory.Base64Text;
import io.memguard.memory.OrdinaryMemory;
import io.memguard.os.SmallFile;
import io.memguard.storage.Ciphertext;
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
final class Base64Ciphertext implements Ciphertext {
    private static final int PIECE = 1 << 17; // a multiple of 4 characters
    private static final long MOST_SPARE = 16 << 20;

    private static final AtomicReference<@Nullable Room> SPARE = new AtomicReference<>();

    private final Room room;
    private MemorySegment bytes = MemorySegment.NULL;

    private Base64Ciphertext(Room room) {
        this.room = room;
    }

    /** Memory that is freed as soon as it is not needed: a collector that sees little garbage would come too late. */
    private record Room(Arena arena, MemorySegment memory) {
        @SuppressWarnings("MustBeClosedChecker") // by giveBack()
        static Room of(long size) {
            if (size <= PIECE) {
                var arena = Arena.ofConfined();
                return new Room(arena, arena.allocate(size));
            }
            if (size <= MOST_SPARE) {
                Room spare = SPARE.getAndSet(null);
                if (spare != null && spare.memory.byteSize() >= size) {
                    return spare;
                }
                free(spare);
                return of(size, Arena.ofShared()); // whichever thread is the next to use it
            }
            return of(size, Arena.ofConfined());
        }

        private static Room of(long size, Arena arena) {
            try {
                return new Room(arena, OrdinaryMemory.allocate(size, arena));
            } catch (Throwable failure) {
                arena.close();
                throw failure;
            }
        }

        void giveBack() {
            boolean reusable = memory.byteSize() > PIECE && memory.byteSize() <= MOST_SPARE;
            free(reusable ? SPARE.getAndSet(this) : this);
        }

        private static void free(@Nullable Room room) {
            if (room != null) {
                room.arena.close();
            }
        }
    }

    /** Reads a file to its end; what is not Base64 becomes something that never verifies. */
    static Base64Ciphertext read(SmallFile file) throws IOException {
        long size = Base64Text.room(file.size());
        long piece = Math.min(PIECE, file.size());
        var text = new Base64Ciphertext(Room.of(size + piece));
        try {
            var memory = text.room.memory;
            text.decode(file, memory.asSlice(size, piece), memory.asSlice(0, size));
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

    /** None where the file was no Base64. */
    @Override
    public MemorySegment bytes() {
        return bytes;
    }

    @Override
    public void close() {
        room.giveBack();
    }
}
