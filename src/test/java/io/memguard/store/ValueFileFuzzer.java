package io.memguard.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.memory.PlaintextBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Set;

/** The file of a value: out comes what was stored under this name, or RETRIEVE_FAILED; the value beside it stays. */
public final class ValueFileFuzzer {
    private static final FixedStore STORE = make();

    private ValueFileFuzzer() {}

    private static FixedStore make() {
        try {
            return FixedStore.make();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(byte[] file) throws IOException {
        takes(file);
    }

    /** Whether it was taken for a file of this store. */
    public static boolean takes(byte[] file) throws IOException {
        Files.write(STORE.valueFile(), file);
        assertEquals(FixedStore.VALUE, read(FixedStore.OTHER));
        try {
            String text = read(FixedStore.NAME);
            assertTrue(Set.of(FixedStore.VALUE, FixedStore.OLDER).contains(text), "another value");
            return true;
        } catch (MemGuardException e) {
            assertEquals(ErrorCode.RETRIEVE_FAILED, e.code());
            return false;
        }
    }

    private static String read(String name) {
        try (var plaintext = PlaintextBuffer.empty()) {
            assertTrue(STORE.store().read(SecretName.of(name), plaintext).isPresent());
            return plaintext.<String, RuntimeException>read(Secrets::text);
        }
    }
}
