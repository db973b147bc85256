package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.Posix;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

/** A file that holds a passphrase or a PIN, opened only where others can neither read nor change it. */
final class SecretFile {
    private static final int TYPE = 0170000;
    private static final int REGULAR = 0100000;
    private static final int PIPE = 0010000;

    private SecretFile() {}

    /** @throws MemGuardException where it is no file or pipe, or not private; what to do about it is in the message */
    static FileInputStream open(Path file) throws IOException {
        int type = (int) Files.getAttribute(file, "unix:mode") & TYPE;
        if (type != REGULAR && type != PIPE) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    file + (Files.isDirectory(file) ? " is a directory" : " is a device or a socket")
                            + ", not a file with a passphrase or a PIN; name the file, or pass a descriptor");
        }
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        if (permissions.contains(PosixFilePermission.OTHERS_READ)
                || permissions.contains(PosixFilePermission.OTHERS_WRITE)
                || permissions.contains(PosixFilePermission.GROUP_WRITE)) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR, "others can read or change " + file + "; " + advice(file));
        }
        return new FileInputStream(file.toFile());
    }

    /** A mount of a container has the mode that its definition says; to change it there is impossible, or soon undone. */
    private static String advice(Path file) throws IOException {
        Path real = file.toRealPath();
        int user = Posix.effectiveUser();
        boolean own = user == 0 || Files.getAttribute(real, "unix:uid").equals(user);
        boolean published = real.getParent() != null
                && real.getParent().getFileName() != null
                && real.getParent().getFileName().toString().startsWith("..");
        return own && !published && !Files.getFileStore(real).isReadOnly()
                ? "chmod 600 " + real
                : "mount it with the mode 0400 (defaultMode: 0400 in Kubernetes, mode: 0400 in Compose), copy it to a"
                        + " file of your own, or pass it by a descriptor (3<FILE)";
    }
}
