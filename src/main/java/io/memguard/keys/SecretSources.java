package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.os.InheritedDescriptor;
import io.memguard.os.Terminal;
import io.memguard.os.UserFile;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/** Where passphrases and PINs come from: each straight into protected memory, never through the heap. */
public final class SecretSources {
    /** The longest passphrase, in bytes. */
    public static final int MAX_SIZE = 4096;

    private static final int LINE_END = 2;

    private SecretSources() {}

    /**
     * A file whose content is the secret; one line end at its end does not count. A regular file is read again whenever the
     * secret is needed; a pipe once, see {@link #kept}.
     *
     * @throws MemGuardException when read: {@link ErrorCode#KEY_INVALID} where it can't be read,
     *     {@link ErrorCode#SECURITY_ERROR} where everybody may read it or others may write it
     */
    public static SecretSource file(Path file) {
        SecretSource source = () -> {
            try (var in = SecretFile.open(file)) {
                return line(wholeOf(in.getChannel()));
            } catch (IOException e) {
                throw unreadable("the file " + file, e);
            }
        };
        return new KeptSource(source, () -> Files.isRegularFile(file));
    }

    /**
     * An inherited file descriptor, read to its end from where it stands; one line end at its end does not count. It is read
     * once, see {@link #kept}.
     *
     * @throws MemGuardException when read: {@link ErrorCode#INVALID_ARGUMENTS} where this process was given no descriptor of
     *     that number, {@link ErrorCode#KEY_INVALID} where it can't be read or has nothing left
     */
    public static SecretSource descriptor(int descriptor) {
        return kept(() -> {
            try (var in = new InheritedDescriptor(descriptor)) {
                var whole = wholeOf(in);
                if (whole.size() == 0) {
                    whole.close();
                    throw new IOException("it is empty, or was read to its end before");
                }
                return line(whole);
            } catch (IOException e) {
                throw unreadable("file descriptor " + descriptor, e);
            }
        });
    }

    /**
     * Another source that is read once: then it gives copies of what it got, which stays sealed in protected memory until the
     * provider of keys that uses it is closed. For what can't be read twice, such as a pipe or a user; {@link #descriptor},
     * {@link #terminal}, {@link #terminalTwice} and files that are pipes are like that by themselves.
     */
    public static KeptSource kept(SecretSource source) {
        return source instanceof KeptSource known ? known : new KeptSource(source, () -> false);
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

    /** Asks on the terminal, without showing what is typed; once, see {@link #kept}. */
    public static SecretSource terminal(String prompt) {
        return kept(() -> Terminal.readSecret(prompt));
    }

    /** Asks twice for a new secret, and refuses two different answers; for that one secret once, see {@link #kept}. */
    public static SecretSource terminalTwice(String prompt) {
        return kept(() -> {
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
        });
    }

    /** Copies of a buffer that stays the caller's. */
    public static SecretSource buffer(SecretBuffer secret) {
        return () -> secret.<SecretBuffer, RuntimeException>read(SecretBuffer::copyOf);
    }

    private static SecretBuffer wholeOf(ReadableByteChannel channel) throws IOException {
        try {
            return SecretBuffer.readFrom(channel, MAX_SIZE + LINE_END);
        } catch (MemGuardException e) {
            throw e.code() == ErrorCode.INVALID_ARGUMENTS ? tooLong() : e;
        }
    }

    private static MemGuardException tooLong() {
        return new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS, "the passphrase or PIN is longer than " + MAX_SIZE + " bytes");
    }

    /** Drops one line end; takes the buffer over. */
    private static SecretBuffer line(SecretBuffer whole) {
        try (whole) {
            return whole.<SecretBuffer, RuntimeException>read(text -> {
                long end = text.byteSize();
                end -= end > 0 && text.get(ValueLayout.JAVA_BYTE, end - 1) == '\n' ? 1 : 0;
                end -= end < text.byteSize() && end > 0 && text.get(ValueLayout.JAVA_BYTE, end - 1) == '\r' ? 1 : 0;
                if (end > MAX_SIZE) {
                    throw tooLong();
                }
                return SecretBuffer.copyOf(text.asSlice(0, end));
            });
        }
    }

    private static MemGuardException unreadable(String what, IOException e) {
        String reason = e instanceof NoSuchFileException || e instanceof FileNotFoundException
                ? "it is not there, or may not be read"
                : Objects.requireNonNullElse(e.getMessage(), "it can't be read");
        return new MemGuardException(
                ErrorCode.KEY_INVALID, "the passphrase or PIN can't be read from " + what + ": " + reason, e);
    }
}
