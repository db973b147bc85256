package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A configuration file of SunPKCS11: refused, or the path of a library and a slot that stand in it. */
public final class SunConfigurationFuzzer {
    private static final Path FILE = file();

    private SunConfigurationFuzzer() {}

    private static Path file() {
        try {
            return Files.createTempFile("sun", ".cfg");
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        takes(input);
    }

    /** Whether it was taken for a configuration that names a slot. */
    public static boolean takes(byte[] input) throws IOException {
        Files.write(FILE, input);
        try {
            var configuration = SunConfiguration.read(FILE);
            assertTrue(configuration.library().isAbsolute());
            assertTrue(Files.readString(FILE)
                    .contains(configuration.library().getRoot().toString()));
            if (configuration.slot().isPresent()) { // Without one, the library is loaded to count its slots.
                var uri = configuration.uri("label \u00e9;?&%");
                assertEquals(
                        configuration.slot().get().toString(),
                        uri.get("slot-id").orElseThrow());
                assertEquals(configuration.library(), ModulePath.of(uri));
                assertEquals("label \u00e9;?&%", uri.get("object").orElseThrow());
                return true;
            }
            return false;
        } catch (MemGuardException e) {
            assertEquals(ErrorCode.INVALID_ARGUMENTS, e.code(), e.toString());
            assertTrue(String.valueOf(e.getMessage()).chars().noneMatch(Character::isISOControl), "one line");
            return false;
        }
    }
}
