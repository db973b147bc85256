package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads that runs of the command count together; {@link ExitStatusTest} has the real command. */
class DirectReadsTest {
    private static final String ONE = "0123456789abcdef0123456789abcdef";
    private static final String OTHER = "f".repeat(32);
    private static final long START = 1_000_000;

    @TempDir
    Path temporary;

    private Path file() {
        return temporary.resolve("direct-reads");
    }

    private void fiveFrom(long time) throws IOException {
        for (int i = 0; i < 5; i++) {
            DirectReads.count(file(), ONE, time + 1000L * i);
        }
    }

    @Test
    void fiveInAnySixtySecondsSlidingAndEachForItself() throws IOException {
        fiveFrom(START);
        var refused = assertThrows(MemGuardException.class, () -> DirectReads.count(file(), ONE, START + 59_999));
        assertEquals(ErrorCode.RATE_LIMIT_EXCEEDED, refused.code());
        assertEquals(Duration.ofMillis(1), refused.retryAfter());
        DirectReads.count(file(), OTHER, START + 59_999);
        DirectReads.count(file(), ONE, START + 60_000);
        assertThrows(MemGuardException.class, () -> DirectReads.count(file(), ONE, START + 60_000));
        DirectReads.count(file(), ONE, START + 61_000);
    }

    @Test
    void aClockThatWasSetBackRefusesNothingForHours() throws IOException {
        fiveFrom(START + 3_600_000);
        DirectReads.count(file(), ONE, START);
    }

    @Test
    void theFileHasTheLastMinuteOnlyAndIsItsOwners() throws IOException {
        fiveFrom(START);
        Files.write(file(), new byte[1_000_001]); // Whatever is in it.
        DirectReads.count(file(), ONE, START + 3_600_000);
        assertEquals(24, Files.size(file()));
        assertEquals(2, Files.getPosixFilePermissions(file()).size());
        Path link = Files.createSymbolicLink(temporary.resolve("link"), file());
        assertThrows(IOException.class, () -> DirectReads.count(link, ONE, START));
    }
}
