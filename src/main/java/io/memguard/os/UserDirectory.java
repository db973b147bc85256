package io.memguard.os;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Directories of one user's only, for what one run of a program leaves for the next: where no other user can be first to make
 * one, else in {@code /dev/shm}, both emptied by a restart of the machine, else in the user's home.
 */
public final class UserDirectory {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private UserDirectory() {}

    /** Those of a user, the best first. By fixed names: a service and a script of one user have other environments. */
    public static List<Path> candidates(int user) {
        var directories = new ArrayList<Path>();
        if (user == 0) {
            directories.add(Path.of("/run/memguard"));
        }
        directories.add(Path.of("/run/user/" + user + "/memguard"));
        directories.add(Path.of("/dev/shm/memguard-" + user));
        String home = System.getProperty("user.home", "");
        if (home.startsWith("/")) {
            directories.add(Path.of(home, ".local", "state", "memguard"));
        }
        return directories;
    }

    /** Makes one where there is none, with folders above in the user's home only; then says whether it is {@link #isSafe}. */
    public static boolean make(Path directory) throws IOException {
        try {
            if (directory.startsWith(System.getProperty("user.home", "/nonexistent"))) {
                Files.createDirectories(
                        Objects.requireNonNull(directory.getParent()),
                        PosixFilePermissions.asFileAttribute(OWNER_ONLY));
            }
            Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } catch (FileAlreadyExistsException e) {
            // Another user may have made a directory of that name.
        }
        return isSafe(directory);
    }

    /** Whether it is there, and this user's only. */
    public static boolean isSafe(Path directory) throws IOException {
        return Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
                && (int) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS) == Posix.effectiveUser()
                && Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS)
                        .equals(OWNER_ONLY);
    }
}
