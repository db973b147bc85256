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
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * A directory like systemd's $CREDENTIALS_DIRECTORY whose files are links to {@code /proc/self/fd/N}: whoever follows one
 * gets what lies on his own descriptor. So there is nothing secret in it, and nothing to remove afterwards: the same ids
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

    /** A directory of this user only: systemd's, of the session or of the unit. */
    private static Path runtime() {
        for (String variable : new String[] {"XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY"}) {
            String value = System.getenv(variable);
            if (value != null && !value.isEmpty()) {
                return UserFile.path(value.split(":", 2)[0]);
            }
        }
        throw new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS,
                "--credential needs a directory for its links; set RuntimeDirectory= in the unit, or XDG_RUNTIME_DIR");
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
