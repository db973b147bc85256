package io.memguard.os;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** Files that a user, a configuration or a URI names: any text is a path or an error, and no file is endless. */
public final class UserFile {
    private UserFile() {}

    /**
     * A path.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where the text can't be one on this system, or in its locale
     */
    public static Path path(String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "a path has characters that can't be in one here (" + e.getReason()
                            + "); where it is not plain ASCII, set a locale of UTF-8, such as LC_ALL=C.UTF-8",
                    e);
        }
    }

    /** The whole of a regular file; links are followed, devices and pipes are not read. */
    public static byte[] read(Path file, int limit) throws IOException {
        if (!Files.readAttributes(file, BasicFileAttributes.class).isRegularFile()) {
            throw new IOException("it is not a regular file");
        }
        try (var in = new FileInputStream(file.toFile())) {
            byte[] content = in.readNBytes(limit + 1);
            if (content.length > limit) {
                throw new IOException("it is longer than " + limit + " bytes");
            }
            return content;
        }
    }
}
