package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.memory.BcfksContainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The BCFKS container (Bouncy Castle) with one entry: the store key, wrapped by the KEK. What passes through the heap here
 * is the wrapped key and, where Bouncy Castle is needed, the container's password; neither gives the store key away.
 */
final class Container {
    private static final String ALIAS = "memguard-store-key";

    private Container() {}

    /** The container's bytes with one wrapped key. */
    static byte[] write(byte[] wrapped, SecretBuffer password) {
        char[] onHeap = onHeap(password);
        try {
            return BouncyCastleEdition.<byte[], Exception>call(() -> BouncyCastle.write(ALIAS, wrapped, onHeap));
        } catch (MemGuardException e) {
            throw e;
        } catch (Exception e) {
            throw new MemGuardException(
                    ErrorCode.SECURITY_ERROR,
                    "the keystore's container could not be made by " + BouncyCastleEdition.found(),
                    e);
        } finally {
            Arrays.fill(onHeap, '\0');
        }
    }

    /** The wrapped key in a container. */
    static byte[] read(byte[] container, SecretBuffer password, Path file) {
        try {
            return password.<Optional<byte[]>, IOException>read(text -> BcfksContainer.read(container, text, ALIAS))
                    .orElseThrow(() -> replaced(file, null));
        } catch (BcfksContainer.OtherKindException e) {
            char[] onHeap = onHeap(password);
            try {
                return readOnHeap(container, onHeap, file);
            } finally {
                Arrays.fill(onHeap, '\0');
            }
        } catch (IOException e) {
            throw replaced(file, e);
        }
    }

    /** The same by Bouncy Castle, which pays what a container asks for before it knows who wrote it: up to a GiB. */
    static byte[] readOnHeap(byte[] container, char[] password, Path file) {
        Optional<byte[]> wrapped;
        try {
            wrapped = BouncyCastleEdition.<Optional<byte[]>, Exception>call(
                    () -> BouncyCastle.read(container, ALIAS, password));
        } catch (MemGuardException e) {
            throw e;
        } catch (Exception e) {
            throw replaced(file, e);
        }
        return wrapped.orElseThrow(() -> replaced(file, null));
    }

    private static char[] onHeap(SecretBuffer password) {
        return password.<char[], RuntimeException>read(text -> {
            char[] characters = new char[(int) text.byteSize()];
            for (int i = 0; i < characters.length; i++) {
                characters[i] = (char) Byte.toUnsignedInt(text.get(java.lang.foreign.ValueLayout.JAVA_BYTE, i));
            }
            return characters;
        });
    }

    static MemGuardException replaced(Path file, @Nullable Exception cause) {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "the keystore container " + file
                        + " is damaged or not this store's (the passphrase is right); restore it from a backup",
                cause);
    }
}
