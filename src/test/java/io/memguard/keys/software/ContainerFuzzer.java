package io.memguard.keys.software;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The container of a software keystore: KEY_INVALID, or the wrapped key that was put into it. */
public final class ContainerFuzzer {
    static final String PASSWORD = "0123456789abcdef";
    static final byte[] WRAPPED = "any wrapped key of a store".getBytes(StandardCharsets.US_ASCII);
    private static final Path FILE = Path.of("container");

    private ContainerFuzzer() {}

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] container) {
        takes(container);
    }

    /** Whether it was taken for the container of this password. */
    public static boolean takes(byte[] container) {
        try {
            try (var password = Secrets.text(PASSWORD)) {
                assertArrayEquals(WRAPPED, Container.read(container, password, FILE));
            }
            return true;
        } catch (MemGuardException e) {
            assertEquals(ErrorCode.KEY_INVALID, e.code(), e.toString());
            return false;
        }
    }

    /** Writes the seed anew. */
    public static void main(String[] arguments) throws java.io.IOException {
        try (var password = Secrets.text(PASSWORD)) {
            java.nio.file.Files.write(Path.of(arguments[0]), Container.write(WRAPPED, password));
        }
    }
}
