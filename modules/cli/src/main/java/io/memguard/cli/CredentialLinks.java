package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.os.Posix;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * A directory like systemd's $CREDENTIALS_DIRECTORY whose files are links to {@code /proc/self/fd/N}: a process that follows
 * one gets its own descriptor. So there is nothing secret in it, and nothing to remove afterwards: the same ids
 * on the same numbers are the same directory.
 */
final class CredentialLinks {
    private CredentialLinks() {}

    static Path make(Map<String, Integer> numbers) throws IOException {
        String name = new TreeMap<>(numbers)
                .entrySet().stream()
                        .map(entry -> entry.getValue() + "-" + entry.getKey())
                        .collect(Collectors.joining(","));
        Path directory = directory(
                directory(runtime(), "memguard"),
                UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)).toString());
        for (var entry : numbers.entrySet()) {
            Path target = Path.of("/proc/self/fd/" + entry.getValue());
            Path link = directory.resolve(entry.getKey());
            try {
                Files.createSymbolicLink(link, target);
            } catch (FileAlreadyExistsException e) {
                if (!Files.isSymbolicLink(link) || !Files.readSymbolicLink(link).equals(target)) {
                    throw new MemGuardException(
                            ErrorCode.SECURITY_ERROR, directory + " is not what memguard left there; remove it", e);
                }
            }
        }
        return directory;
    }

    /**
     * Where there is a directory of this user only: systemd's, of the session or of the unit; else one of ours where everybody
     * may make directories, in memory if possible. One that is another user's, as $XDG_RUNTIME_DIR is after su, is left out.
     */
    private static Path runtime() throws IOException {
        int user = Posix.effectiveUser();
        var candidates = new ArrayList<Path>();
        for (String variable : new String[] {"XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY"}) {
            String value = System.getenv(variable);
            if (value != null && !value.isEmpty()) {
                candidates.add(UserFile.path(value.split(":", 2)[0]));
            }
        }
        candidates.add(Path.of("/run/user/" + Integer.toUnsignedString(user)));
        for (Path candidate : candidates) {
            if (isOwn(candidate, user) && Files.isWritable(candidate)) {
                return candidate;
            }
        }
        String name = "memguard-credentials-" + Integer.toUnsignedString(user);
        for (String shared : new String[] {"/dev/shm", "/run", "/tmp", "/var/tmp"}) {
            Path parent = Path.of(shared);
            Path own = parent.resolve(name);
            if (isOwn(own, user) || (Files.isWritable(parent) && !Files.exists(own, LinkOption.NOFOLLOW_LINKS))) {
                return directory(parent, name);
            }
        }
        throw new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS,
                "--credential needs a directory for its links, and neither /dev/shm nor /tmp can be written; set"
                        + " RuntimeDirectory= in the unit, or XDG_RUNTIME_DIR to a directory of this user");
    }

    /** No link, this user's own, and no other user can change what is in it. */
    private static boolean isOwn(Path directory, int user) throws IOException {
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        var permissions = Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS);
        return Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS)
                        .equals(user)
                && !permissions.contains(PosixFilePermission.GROUP_WRITE)
                && !permissions.contains(PosixFilePermission.OTHERS_WRITE);
    }

    private static Path directory(Path parent, String name) throws IOException {
        Path directory = parent.resolve(name);
        try {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException e) {
            var owner = Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
            if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
                    || !owner.equals(Posix.effectiveUser())
                    || Files.getPosixFilePermissions(directory).size() > 3) {
                throw new MemGuardException(
                        ErrorCode.SECURITY_ERROR, directory + " is not this user's only; remove it", e);
            }
        }
        return directory;
    }
}
