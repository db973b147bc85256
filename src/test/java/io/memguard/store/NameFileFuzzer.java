package io.memguard.store;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;

/** The file of a name: the list has the name, or counts one that can't be read; the other names are there. */
public final class NameFileFuzzer {
    private static final FixedStore STORE = make();

    private NameFileFuzzer() {}

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
        Files.write(STORE.nameFile(), file);
        var names = STORE.store().names(List.of());
        boolean taken = names.unreadable() == 0;
        assertEquals(taken ? List.of(FixedStore.NAME, FixedStore.OTHER) : List.of(FixedStore.OTHER), names.readable());
        return taken;
    }
}
