package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Optional;

/**
 * The BCFKS container (Bouncy Castle) with one entry: the store key, wrapped by the KEK. What passes through the heap here
 * is the wrapped key and the container's password; neither gives the store key away.
 */
final class Container {
    private static final String ALIAS = "memguard-store-key";

    private Container() {}

    /** The container's bytes with one wrapped key. */
    static byte[] write(byte[] wrapped, char[] password) {
        return JcaContainer.write(ALIAS, wrapped, password);
    }

    /**
     * Begins, in another thread, to verify the signatures of Bouncy Castle's jar, which the JVM does before it loads a
     * class from it, and which takes longer than stretching a passphrase.
     */
    static void verifyJar() {
        inBackground(() -> Class.forName("org.bouncycastle.asn1.bc.ObjectStore"));
    }

    /** Begins to load the classes that {@link #read} needs, while the passphrase is stretched. */
    static void loadClasses(byte[] container) {
        inBackground(() -> new LightContainer(new char[0])
                .read(container, ALIAS)
                .ifPresent(wrapped -> Arrays.fill(wrapped, (byte) 0)));
    }

    @FunctionalInterface
    private interface Task {
        void run() throws ClassNotFoundException, IOException;
    }

    private static void inBackground(Task task) {
        Thread.ofPlatform().daemon().name("memguard-classes").start(() -> {
            try {
                task.run();
            } catch (ClassNotFoundException | LinkageError | IOException | RuntimeException e) {
                // As expected without the password; what else is wrong, read() says.
            }
        });
    }

    /** The wrapped key in a container. */
    static byte[] read(byte[] container, char[] password, Path file) {
        Optional<byte[]> wrapped;
        try {
            try {
                wrapped = new LightContainer(password).read(container, ALIAS);
            } catch (LightContainer.UnknownKind e) {
                wrapped = JcaContainer.read(container, ALIAS, password);
            }
        } catch (GeneralSecurityException | IOException | RuntimeException e) {
            throw replaced(file, e);
        }
        return wrapped.orElseThrow(() -> replaced(file, null));
    }

    static MemGuardException replaced(Path file, @org.jspecify.annotations.Nullable Exception cause) {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "the keystore container " + file
                        + " is damaged or not this store's (the passphrase is right); restore it from a backup",
                cause);
    }
}
