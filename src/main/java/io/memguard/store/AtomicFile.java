package io.memguard.store;

import io.memguard.os.Posix;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Replaces a file so that after a crash or a power cut either the old content is there or the new one: temporary file in
 * the same directory, fsync, rename, fsync of the directory.
 */
final class AtomicFile {
    static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private AtomicFile() {}

    /**
     * Writes and makes it durable.
     *
     * @param stripe the lock that the caller holds, four hexadecimal digits of it go into the temporary file's name
     * @param beforeRename the last moment at which the old content is the current one
     */
    static void write(Path target, byte[] content, int stripe, Runnable beforeRename) throws IOException {
        Path directory = parent(target);
        Path temporary = directory.resolve(StoreLayout.TEMPORARY
                + HexFormat.of().toHexDigits((short) stripe)
                + "_" + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()));
        try {
            Files.createFile(temporary, OWNER_ONLY);
            giveToOwnerOf(directory, temporary);
            try (var out = new FileOutputStream(temporary.toFile())) {
                out.write(content);
                out.getFD().sync();
            }
            beforeRename.run();
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (Throwable failure) {
            try {
                Files.deleteIfExists(temporary);
            } catch (IOException left) {
                failure.addSuppressed(left); // The next open clears it.
            }
            throw failure;
        }
        Posix.syncDirectory(directory);
    }

    /** Deletes durably; false where there was nothing. */
    static boolean delete(Path target) throws IOException {
        boolean deleted = Files.deleteIfExists(target);
        if (deleted) {
            Posix.syncDirectory(parent(target));
        }
        return deleted;
    }

    /** Root may work on a service's store: what it makes there must stay readable for the service. */
    static void giveToOwnerOf(Path directory, Path file) throws IOException {
        if (Posix.effectiveUser() == 0) {
            Files.setOwner(file, Files.getOwner(directory));
        }
    }

    private static Path parent(Path file) {
        return java.util.Objects.requireNonNull(file.getParent());
    }
}
