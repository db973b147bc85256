package io.memguard.soak;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A short form of {@code scripts/soak keys}. */
class KeySoakTest {
    @TempDir
    Path work = Path.of("");

    @Test
    void processesThatChangeKeysBesideOthersAndAreKilledLoseNothing() throws Exception {
        String said = Keys.run(work, 40, 21);
        System.out.println(said);
        assertTrue(said.contains("kills"), said);
    }
}
