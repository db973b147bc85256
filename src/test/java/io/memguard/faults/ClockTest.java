package io.memguard.faults;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import io.memguard.process.Preload;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The clock of the wall jumps back and forth: no value is lost, none lives longer or shorter, no limit is lifted. */
class ClockTest {
    @TempDir
    Path work = Path.of("");

    @Test
    void aJumpingClockChangesNothing() throws Exception {
        var before = List.of("env", "LD_PRELOAD=" + Preload.built("clock"));
        try (var child = ChildJvm.start(JumpingClock.class, before, List.of(work.toString()))) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            assertTrue(said.endsWith("fine\n"), said);
        }
    }
}
