package io.memguard.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** A file that another process may have replaced, open for reading: no links, no pipes, no more than a limit, no hanging. */
public final class SmallFile implements AutoCloseable {
    private static final int FIRST_PIECE = 4096;

    private final int descriptor;
    private final Path path;
    private final FileVersion version;

    private SmallFile(int descriptor, Path path, FileVersion version) {
        this.descriptor = descriptor;
        this.path = path;
        this.version = version;
    }

    /** What is there is no file that could have been written by us. */
    public static final class StrangeFileException extends IOException {
        private static final long serialVersionUID = 1;

        StrangeFileException(String message) {
            super(message);
        }
    }

    /**
     * Opens a file, or nothing where there is none. Unlike a channel, this survives interrupts.
     *
     * @param limit in bytes
     * @throws StrangeFileException where it is a link, a pipe, a device, a directory, or longer than the limit
     */
    public static Optional<SmallFile> open(Path file, long limit) throws IOException {
        int descriptor;
        try {
            descriptor = Posix.openForReading(file);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
        try {
            var status = Posix.status(descriptor, file);
            if (!status.isRegular()) {
                throw new StrangeFileException(file + " is not a regular file");
            }
            if (status.size() > limit) {
                throw new StrangeFileException(
                        file + " has " + status.size() + " bytes, more than any such file of a store");
            }
            return Optional.of(new SmallFile(descriptor, file, status.version()));
        } catch (Throwable failure) {
            Posix.closeQuietly(descriptor);
            throw failure;
        }
    }

    /** The content of a file, or nothing where there is none; see {@link #open}, with a limit of less than 2 GiB. */
    public static Optional<byte[]> read(Path file, long limit) throws IOException {
        var opened = open(file, limit);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        try (var found = opened.get()) {
            return Optional.of(found.read());
        }
    }

    /** The same of a file of the kernel, which says that it has no length. */
    public static Optional<byte[]> readUnsized(Path file, int limit) throws IOException {
        var opened = open(file, limit);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        try (var found = opened.get()) {
            byte[] content = new byte[FIRST_PIECE];
            int length = 0;
            while (true) {
                byte[] piece = new byte[Math.min(content.length - length, limit - length)];
                int read = Posix.read(found.descriptor, file, piece);
                System.arraycopy(piece, 0, content, length, read);
                length += read;
                if (read == 0 || length == limit) {
                    return Optional.of(Arrays.copyOf(content, length));
                }
                if (length == content.length) {
                    content = Arrays.copyOf(content, 2 * length);
                }
            }
        }
    }

    /** Its content, of less than 2 GiB. */
    public byte[] read() throws IOException {
        byte[] content = new byte[(int) size()];
        int length = Posix.read(descriptor, path, content);
        return length == content.length ? content : Arrays.copyOf(content, length);
    }

    /** What it was when it was opened. */
    public FileVersion version() {
        return version;
    }

    /** Its length when it was opened, in bytes. */
    public long size() {
        return version.size();
    }

    /** Reads on until the native segment is full or the file ends; returns how many bytes that were. */
    public long read(MemorySegment into) throws IOException {
        return Posix.read(descriptor, path, into);
    }

    /** Once. */
    @Override
    public void close() {
        Posix.closeQuietly(descriptor);
    }
}
