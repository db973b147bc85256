package io.memguard.store;

import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;

/** Reads whole files that somebody may have replaced: no links, no pipes, no more than a limit, no hanging. */
final class SmallFile {
    private SmallFile() {}

    /** The content, or nothing where there is no such file. A stream, unlike a channel, survives interrupts. */
    static Optional<byte[]> read(Path file, long limit) throws IOException {
        try {
            var attributes = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            if (!attributes.isRegularFile()) {
                throw new IOException("it is not a regular file");
            }
            if (attributes.size() > limit) {
                throw new IOException("it has " + attributes.size() + " bytes, more than any file of a store");
            }
            try (var in = new FileInputStream(file.toFile())) {
                return Optional.of(in.readNBytes((int) attributes.size()));
            }
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (FileNotFoundException e) {
            if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
                return Optional.empty(); // Deleted in between.
            }
            throw e;
        }
    }
}
