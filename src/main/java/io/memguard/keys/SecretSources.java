package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.os.Terminal;
import io.memguard.os.UserFile;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;

/** Where passphrases and PINs come from: each straight into protected memory, never through the heap. */
public final class SecretSources {
    /** The longest passphrase, in bytes. */
    public static final int MAX_SIZE = 4096;

    private SecretSources() {}

    /**
     * A file whose content is the secret; one line end at its end does not count.
     *
     * @throws MemGuardException when read: {@link ErrorCode#KEY_INVALID} where it can't be read,
     *     {@link ErrorCode#SECURITY_ERROR} where everybody may read it or others may write it
     */
    public static SecretSource file(Path file) {
        return () -> {
            try {
                requirePrivate(file);
                try (var in = new FileInputStream(file.toFile())) {
                    return line(SecretBuffer.readFrom(in.getChannel(), MAX_SIZE));
                }
            } catch (IOException e) {
                throw unreadable("the file " + file, e);
            }
        };
    }

    /** An inherited file descriptor, read to its end; one line end at its end does not count. */
    public static SecretSource descriptor(int descriptor) {
        return () -> {
            // Opening it again through /proc works for pipes, files and memfds alike.
            try (var in = new FileInputStream("/proc/self/fd/" + descriptor)) {
                return line(SecretBuffer.readFrom(in.getChannel(), MAX_SIZE));
            } catch (IOException e) {
                throw unreadable("file descriptor " + descriptor, e);
            }
        };
    }

    /** A credential that systemd passes to a service (LoadCredential=, systemd.exec(5)). */
    public static SecretSource systemdCredential(String id) {
        return () -> {
            String directory = System.getenv("CREDENTIALS_DIRECTORY");
            if (directory == null) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "no systemd credentials here ($CREDENTIALS_DIRECTORY is not set); add LoadCredential= to the unit");
            }
            if (id.isEmpty() || id.contains("/") || id.startsWith(".")) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "a credential's id is a plain file name, without slashes");
            }
            return file(UserFile.path(directory + "/" + id)).read();
        };
    }

    /** Asks on the terminal, without showing what is typed. */
    public static SecretSource terminal(String prompt) {
        return () -> Terminal.readSecret(prompt);
    }

    /** Asks twice for a new secret, and refuses two different answers. */
    public static SecretSource terminalTwice(String prompt) {
        return () -> {
            var first = Terminal.readSecret(prompt);
            try (var second = Terminal.readSecret("again: ")) {
                if (first.contentEquals(second)) {
                    return first;
                }
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "the two answers differ; nothing was done");
            } catch (Throwable failure) {
                first.close();
                throw failure;
            }
        };
    }

    /** Copies of a buffer that stays the caller's. */
    public static SecretSource buffer(SecretBuffer secret) {
        return () -> secret.<SecretBuffer, RuntimeException>read(SecretBuffer::copyOf);
    }

    private static void requirePrivate(Path file) throws IOException {
        var permissions = Files.getPosixFilePermissions(file);
        if (permissions.contains(PosixFilePermission.OTHERS_READ)
                || permissions.contains(PosixFilePermission.OTHERS_WRITE)
                || permissions.contains(PosixFilePermission.GROUP_WRITE)) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR, "others can read or change " + file + "; chmod 600 " + file);
        }
    }

    /** Drops one line end; takes the buffer over. */
    private static SecretBuffer line(SecretBuffer whole) {
        try (whole) {
            return whole.<SecretBuffer, RuntimeException>read(text -> {
                long end = text.byteSize();
                end -= end > 0 && text.get(ValueLayout.JAVA_BYTE, end - 1) == '\n' ? 1 : 0;
                end -= end < text.byteSize() && end > 0 && text.get(ValueLayout.JAVA_BYTE, end - 1) == '\r' ? 1 : 0;
                return SecretBuffer.copyOf(text.asSlice(0, end));
            });
        }
    }

    private static MemGuardException unreadable(String what, IOException e) {
        String reason = e instanceof NoSuchFileException || e instanceof java.io.FileNotFoundException
                ? "it is not there, or may not be read"
                : String.valueOf(e.getMessage());
        return new MemGuardException(
                ErrorCode.KEY_INVALID, "the passphrase can't be read from " + what + ": " + reason, e);
    }
}
