package io.memguard.memory;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Looks at the header of a shared library before it is loaded (elf(5)): the loader would map a truncated file, and the
 * first access behind its end would kill the JVM.
 */
public final class ElfFile {
    private static final int HEADER = 64;
    private static final int CLASS_64 = 2;
    private static final int LITTLE_ENDIAN = 1;
    private static final int X86_64 = 62;

    private ElfFile() {}

    /** Throws where this is not a whole library for x86_64. */
    public static void require(Path file) throws IOException {
        byte[] bytes = new byte[HEADER];
        try (InputStream in = Files.newInputStream(file)) {
            new DataInputStream(in).readFully(bytes);
        } catch (java.io.EOFException e) {
            throw new IOException(file + " is truncated", e);
        }
        var header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        boolean elf = bytes[0] == 0x7F && bytes[1] == 'E' && bytes[2] == 'L' && bytes[3] == 'F';
        if (!elf || bytes[4] != CLASS_64 || bytes[5] != LITTLE_ENDIAN || header.getShort(18) != X86_64) {
            throw new IOException(file + " is not a library for Linux x86_64");
        }
        // The table of sections is the last thing in the file.
        long end = header.getLong(40) + (long) header.getShort(58) * header.getShort(60);
        if (Files.size(file) < end) {
            throw new IOException(file + " is truncated: " + Files.size(file) + " bytes of at least " + end);
        }
    }
}
