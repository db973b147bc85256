package io.memguard.keys.pkcs11;

import static io.memguard.ffi.gen.pkcs11.Pkcs11Library.CKF_USER_PIN_COUNT_LOW;

import io.memguard.MemGuardException;
import io.memguard.memory.NativeLibraries;
import io.memguard.memory.SealedBytes;
import io.memguard.memory.Sodium;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import io.memguard.os.UserDirectory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The PIN that a token refused last, so that a service that is restarted with a wrong PIN, or a script that runs every
 * minute, does not lock the token. An Argon2id hash of it in a {@link UserDirectory}; the PIN itself is not kept. Best
 * effort: where no directory serves, a warning says so.
 */
final class RefusedPins {
    private static final System.Logger LOG = System.getLogger(RefusedPins.class.getName());
    private static final int SALT = 16;
    private static final int HASH = 32;
    private static final int SIZE = SALT + HASH + 1;
    private static final int PASSES = 3;
    private static final long MEMORY_BYTES = 16 << 20;

    private final TokenInfo token;
    private final List<Path> directories;
    private final String name;
    private @Nullable Path refusal;

    RefusedPins(Path module, TokenInfo token) {
        this(module, token, UserDirectory.candidates(Posix.effectiveUser()));
    }

    /** @param directories where it may be; the first that can be used is taken */
    RefusedPins(Path module, TokenInfo token, List<Path> directories) {
        this.token = token;
        this.directories = directories;
        this.name = "refused-" + name(module + "\n" + token.serial() + "\n" + token.label());
    }

    private static String name(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, 16);
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e); // Every JVM has it.
        }
    }

    /** For messages: where the refusal is that {@link #contains} has found. */
    Path file() {
        return refusal != null ? refusal : directories.getFirst().resolve(name);
    }

    /** Whether the token has refused this PIN, and no login or new PIN came after that. */
    boolean contains(SealedBytes pin) {
        return NativeLibraries.isLoaded() && directories.stream().anyMatch(directory -> contains(directory, pin));
    }

    private boolean contains(Path directory, SealedBytes pin) {
        Path file = directory.resolve(name);
        try {
            if (!UserDirectory.isSafe(directory) || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
            byte[] content = Files.readAllBytes(file);
            boolean counted = content.length == SIZE && content[SIZE - 1] != 0;
            boolean found = content.length == SIZE
                    && !(counted && !token.has(CKF_USER_PIN_COUNT_LOW())) // The token's own count has started again.
                    && MessageDigest.isEqual(Arrays.copyOfRange(content, SALT, SALT + HASH), hash(pin, content));
            refusal = found ? file : refusal;
            return found;
        } catch (IOException | MemGuardException e) {
            return false;
        }
    }

    /** @param now what the token says after it refused */
    void add(SealedBytes pin, TokenInfo now) {
        if (!NativeLibraries.isLoaded()) {
            return;
        }
        byte[] content = Arrays.copyOf(Sodium.random(SALT), SIZE);
        System.arraycopy(hash(pin, content), 0, content, SALT, HASH);
        content[SIZE - 1] = (byte) (now.has(CKF_USER_PIN_COUNT_LOW()) ? 1 : 0);
        if (directories.stream().noneMatch(directory -> add(directory, content))) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the refused PIN can''t be remembered: none of {0} is a directory of this user''s only; a restart tries"
                            + " the wrong PIN again, which may lock the token",
                    directories);
        }
    }

    private boolean add(Path directory, byte[] content) {
        try {
            if (!UserDirectory.make(directory)) {
                return false;
            }
            Path temporary = Files.createTempFile(directory, "tmp", "", DurableFile.OWNER_ONLY);
            Files.write(temporary, content);
            Files.move(temporary, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            return true;
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "no refused PIN is remembered in {0}", directory);
            return false;
        }
    }

    /** The token has accepted a PIN. */
    void clear() {
        for (Path directory : directories) {
            try {
                if (UserDirectory.isSafe(directory)) {
                    Files.deleteIfExists(directory.resolve(name));
                }
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "a refused PIN could not be forgotten in {0}", directory);
            }
        }
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
