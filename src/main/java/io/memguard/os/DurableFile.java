package io.memguard.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Changes files so that after a crash or a power cut either the old content is there or the new one: temporary file in
 * the same directory, fsync, rename, fsync of the directory. New files are their owner's only, whatever the umask.
 */
public final class DurableFile {
    /** Mode 0600. */
    public static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private DurableFile() {}

    /** How the finished temporary file gets its name. */
    @FunctionalInterface
    private interface Publish {
        void publish(Path temporary, Path target) throws IOException;
    }

    /**
     * Puts new content in place of the old.
     *
     * @param prefix what the temporary file's name begins with; a random number follows
     * @param beforeRename runs at the last moment at which the old content is the current one
     */
    public static void replace(Path target, byte[] content, String prefix, Runnable beforeRename) throws IOException {
        write(target, content, prefix, (temporary, path) -> {
            beforeRename.run();
            Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        });
    }

    /**
     * Makes a new file.
     *
     * @param prefix what the temporary file's name begins with; a random number follows
     * @throws java.nio.file.FileAlreadyExistsException where there is one, which stays as it is
     */
    public static void create(Path target, byte[] content, String prefix) throws IOException {
        write(target, content, prefix, (temporary, path) -> {
            Files.createLink(path, temporary); // Unlike rename(2), link(2) never replaces.
            Files.delete(temporary);
        });
    }

    /** Deletes; false where there was nothing. */
    public static boolean delete(Path target) throws IOException {
        boolean deleted = Files.deleteIfExists(target);
        // Also where it is gone already: the process that deleted it may have been killed, or have failed, before that
        // was durable.
        if (deleted || Files.isDirectory(parent(target))) {
            Posix.syncDirectory(parent(target));
        }
        return deleted;
    }

    /**
     * Root may work on a service's store: what it makes there must stay readable for the service. Does nothing to what is
     * not root's, or has another name elsewhere.
     */
    public static void giveToOwnerOf(Path directory, int descriptor, Path file) throws IOException {
        if (Posix.effectiveUser() == 0) {
            int owner = (int) Files.getAttribute(directory, "unix:uid");
            var status = Posix.status(descriptor, file);
            if (owner != 0 && status.user() == 0 && (status.links() == 1 || !status.isRegular())) {
                Posix.giveTo(owner, descriptor, file);
            }
        }
    }

    private static void write(Path target, byte[] content, String prefix, Publish publish) throws IOException {
        Path directory = parent(target);
        Path temporary = prepare(directory, FileContent.of(content), prefix);
        try {
            publish.publish(temporary, target);
        } catch (Throwable failure) {
            discard(temporary, failure);
            throw failure;
        }
        Posix.syncDirectory(directory);
    }

    /** Writes a temporary file that is durable when this returns; leaves none where it fails. */
    static Path prepare(Path directory, FileContent content, String prefix) throws IOException {
        Path temporary = directory.resolve(
                prefix + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()));
        try {
            int descriptor = Posix.createNew(temporary);
            try {
                giveToOwnerOf(directory, descriptor, temporary);
                content.writeTo(piece -> Posix.write(descriptor, temporary, piece));
                Posix.sync(descriptor, temporary);
            } finally {
                Posix.closeQuietly(descriptor);
            }
            return temporary;
        } catch (Throwable failure) {
            discard(temporary, failure);
            throw failure;
        }
    }

    static void discard(Path temporary, Throwable failure) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException left) {
            failure.addSuppressed(left); // The next opening of the store clears it.
        }
    }

    private static Path parent(Path file) {
        return Objects.requireNonNull(file.toAbsolutePath().getParent());
    }
}
