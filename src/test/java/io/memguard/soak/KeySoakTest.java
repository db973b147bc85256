package io.memguard.soak;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.tokens.SoftHsm;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A short form of {@code scripts/soak keys}. */
class KeySoakTest {
    @TempDir
    Path work = Path.of("");

    @Test
    void processesThatChangeKeysBesideOthersAndAreKilledLoseNothing() throws Exception {
        String said = Keys.run(work, null, false, 40, 21);
        System.out.println(said);
        assertTrue(said.contains("kills"), said);
    }

    @Test
    void theyLoseNothingWhereOneOfTheTwoKeysIsInAToken() throws Exception {
        System.out.println(Keys.run(work, SoftHsm.token(), false, 30, 22));
    }

    @Test
    void theyLoseNothingWhereATokenKeepsRecords() throws Exception {
        System.out.println(Keys.run(work, SoftHsm.token(), true, 30, 23));
    }
}
