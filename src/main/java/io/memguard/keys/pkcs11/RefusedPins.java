package io.memguard.keys.pkcs11;

import static io.memguard.ffi.pkcs11.Pkcs11Library.CKF_USER_PIN_COUNT_LOW;

import io.memguard.MemGuardException;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.SealedBytes;
import io.memguard.memory.Sodium;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;

/**
 * The PIN that a token refused last, so that a service that is restarted with a wrong PIN, or a script that runs every
 * minute, does not lock the token. An Argon2id hash of it, its owner's only, in memory that a restart of the machine
 * empties ({@code /dev/shm}); the PIN itself is not kept. Best effort: without the directory nothing is remembered.
 */
final class RefusedPins {
    private static final System.Logger LOG = System.getLogger(RefusedPins.class.getName());
    private static final Path MEMORY = Path.of("/dev/shm");
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");
    private static final int SALT = 16;
    private static final int HASH = 32;
    private static final int SIZE = SALT + HASH + 1;
    private static final int PASSES = 3;
    private static final long MEMORY_BYTES = 16 << 20;

    private final TokenInfo token;
    private final Path directory;
    private final Path file;

    RefusedPins(Path module, TokenInfo token) {
        this.token = token;
        this.directory = MEMORY.resolve("memguard-" + Posix.effectiveUser());
        this.file = directory.resolve("refused-" + name(module + "\n" + token.serial() + "\n" + token.label()));
    }

    private static String name(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, 16);
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e); // Every JVM has it.
        }
    }

    Path file() {
        return file;
    }

    /** Whether the token has refused this PIN, and nobody has logged in since, nor set a new one. */
    boolean contains(SealedBytes pin) {
        try {
            if (!NativeLibraries.isLoaded() || !isSafe() || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
            byte[] content = Files.readAllBytes(file);
            boolean counted = content.length == SIZE && content[SIZE - 1] != 0;
            return content.length == SIZE
                    && !(counted && !token.has(CKF_USER_PIN_COUNT_LOW())) // The token's own count has begun anew.
                    && MessageDigest.isEqual(Arrays.copyOfRange(content, SALT, SALT + HASH), hash(pin, content));
        } catch (IOException | MemGuardException e) {
            return false;
        }
    }

    /** @param now what the token says after it refused */
    void add(SealedBytes pin, TokenInfo now) {
        if (!NativeLibraries.isLoaded()) {
            return;
        }
        try {
            Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } catch (FileAlreadyExistsException e) {
            // Looked at below.
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "no refused PIN is remembered in {0}", directory);
        }
        try {
            if (isSafe()) {
                byte[] content = Arrays.copyOf(Sodium.random(SALT), SIZE);
                System.arraycopy(hash(pin, content), 0, content, SALT, HASH);
                content[SIZE - 1] = (byte) (now.has(CKF_USER_PIN_COUNT_LOW()) ? 1 : 0);
                Path temporary = Files.createTempFile(directory, "tmp", "", DurableFile.OWNER_ONLY);
                Files.write(temporary, content);
                Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            }
        } catch (IOException | MemGuardException e) {
            LOG.log(System.Logger.Level.DEBUG, "no refused PIN is remembered in {0}", directory);
        }
    }

    /** The token has accepted a PIN. */
    void clear() {
        try {
            if (isSafe()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "{0} could not be deleted", file);
        }
    }

    /** Somebody else may have made a directory of that name. */
    private boolean isSafe() throws IOException {
        return Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
                && (int) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS) == Posix.effectiveUser()
                && Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS)
                        .equals(OWNER_ONLY);
    }

    private static byte[] hash(SealedBytes pin, byte[] salted) {
        try (var arena = Arena.ofConfined()) {
            var hash = arena.allocate(HASH);
            var salt = arena.allocateFrom(ValueLayout.JAVA_BYTE, Arrays.copyOf(salted, SALT));
            pin.<Boolean, RuntimeException>read(text -> {
                Sodium.argon2id(hash, text, salt, PASSES, MEMORY_BYTES);
                return true;
            });
            return hash.toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
