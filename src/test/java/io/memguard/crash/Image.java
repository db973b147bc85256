package io.memguard.crash;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a disk holds: sorted relative paths.
 *
 * @param files a directory has no content
 */
record Image(Map<String, Content> files) {
    /**
     * A file's content.
     *
     * @param bytes null for a directory
     * @param size zeros follow up to here
     */
    record Content(byte @Nullable [] bytes, long size) {
        static final Content DIRECTORY = new Content(null, 0);
        static final Content EMPTY = new Content(new byte[0], 0);

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Content content && size == content.size && Arrays.equals(bytes, content.bytes);
        }

        @Override
        public int hashCode() {
            return Objects.hash(Arrays.hashCode(bytes), size);
        }
    }

    /** Writes it into an empty directory. */
    void writeTo(Path root) throws IOException {
        for (var entry : files.entrySet()) {
            Path file = root.resolve(entry.getKey());
            byte[] bytes = entry.getValue().bytes();
            if (bytes == null) {
                Files.createDirectory(
                        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            } else {
                Files.createFile(file, io.memguard.os.DurableFile.OWNER_ONLY);
                try (var out = new RandomAccessFile(file.toFile(), "rw")) {
                    out.write(bytes);
                    out.setLength(entry.getValue().size());
                }
            }
        }
    }
}
