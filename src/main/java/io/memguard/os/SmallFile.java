package io.memguard.os;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** Reads whole files that somebody may have replaced: no links, no pipes, no more than a limit, no hanging. */
public final class SmallFile {
    private SmallFile() {}

    /** What is there is no file that could have been written by us. */
    public static final class StrangeFileException extends IOException {
        private static final long serialVersionUID = 1;

        StrangeFileException(String message) {
            super(message);
        }
    }

    /**
     * The content, or nothing where there is no such file. Unlike a channel's, this reading survives interrupts.
     *
     * @param limit in bytes, less than 2 GiB
     * @throws StrangeFileException where it is a link, a pipe, a device, a directory, or longer than the limit
     */
    public static Optional<byte[]> read(Path file, long limit) throws IOException {
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
            byte[] content = new byte[(int) status.size()];
            int length = Posix.read(descriptor, file, content);
            return Optional.of(length == content.length ? content : Arrays.copyOf(content, length));
        } finally {
            Posix.closeQuietly(descriptor);
        }
    }
}
