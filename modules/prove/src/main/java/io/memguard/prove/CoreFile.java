package io.memguard.prove;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** A core dump (elf(5), 64 bits): its notes hold the registers of the threads, all else is memory. */
final class CoreFile {
    private static final int HEADER = 64;
    private static final int SEGMENT_HEADER = 56;
    private static final int NOTE = 4; // PT_NOTE

    private CoreFile() {}

    /** Searches all of it; without notes, or with strange ones, everything counts as memory. */
    static void search(Path file, Findings findings) throws IOException {
        try (var channel = FileChannel.open(file)) {
            long begin = 0;
            long end = 0;
            ByteBuffer header = read(channel, 0, HEADER);
            long table = header.getLong(32);
            int segments = Short.toUnsignedInt(header.getShort(56));
            for (int i = 0; i < segments && end == 0; i++) {
                ByteBuffer segment = read(channel, table + (long) i * SEGMENT_HEADER, SEGMENT_HEADER);
                if (segment.getInt(0) == NOTE) {
                    begin = segment.getLong(8);
                    end = begin + segment.getLong(32);
                }
            }
            if (begin < 0 || end < begin || end > channel.size()) {
                begin = end = 0;
            }
            part(channel, 0, begin, Findings.Protection.NONE, findings);
            part(channel, begin, end, Findings.Protection.REGISTERS, findings);
            part(channel, end, channel.size(), Findings.Protection.NONE, findings);
        }
    }

    private static ByteBuffer read(FileChannel channel, long at, int length) throws IOException {
        var bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, at + bytes.position()) < 0) {
                throw new EOFException("the core dump is cut off");
            }
        }
        return bytes;
    }

    private static void part(
            FileChannel channel, long begin, long end, Findings.Protection protection, Findings findings)
            throws IOException {
        channel.position(begin);
        findings.add(
                new Part(Channels.newInputStream(channel), end - begin), protection, at -> "core at " + (begin + at));
    }

    /** The first so many bytes of a stream. */
    private static final class Part extends InputStream {
        private final InputStream in;
        private long left;

        Part(InputStream in, long length) {
            this.in = in;
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
        }

        @Override
        public int read(byte[] to, int offset, int length) throws IOException {
            if (left == 0 && length > 0) {
                return -1;
            }
            int count = in.read(to, offset, (int) Math.min(length, left));
            left -= Math.max(0, count);
            return count;
        }
    }
}
