package io.memguard.cli;

import io.memguard.Secret;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** A value in a file of its own, mode 0600, whole or not at all. */
final class OutputFile {
    private OutputFile() {}

    /** @param replace whether a file that is there may be replaced, whatever its mode was */
    static void write(Path file, boolean replace, Secret secret) throws IOException {
        if (!replace) {
            create(file, secret);
            return;
        }
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new FileAlreadyExistsException(file.toString()); // A device or a directory is not replaced.
        }
        Path temporary = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid() + ".new");
        create(temporary, secret);
        try {
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            Files.deleteIfExists(temporary);
            throw e;
        }
    }

    private static void create(Path file, Secret secret) throws IOException {
        var channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (channel) {
            secret.writeTo(channel);
        } catch (Throwable failure) {
            Files.deleteIfExists(file);
            throw failure;
        }
    }
}
