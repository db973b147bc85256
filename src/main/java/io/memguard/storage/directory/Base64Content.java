package io.memguard.storage.directory;

import io.memguard.os.FileContent;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Base64;

/**
 * Ciphertext on its way into a file. Its Base64 is made piece by piece while it is written, by any thread.
 *
 * @param sealed stays as it is until then
 */
record Base64Content(MemorySegment sealed) implements FileContent {
    private static final int PIECE = 3 << 14; // becomes 64 KiB of text

    @Override
    public void writeTo(Output out) throws IOException {
        try (var room = Arena.ofConfined()) {
            var text = room.allocate((Math.min(sealed.byteSize(), PIECE) + 2) / 3 * 4);
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
}
