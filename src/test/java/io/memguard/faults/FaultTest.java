package io.memguard.faults;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.crash.Filetrace;
import io.memguard.crash.InMemory;
import io.memguard.process.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every call of every operation fails once, and from then on, with every error that a disk may give. */
class FaultTest {
    /** One fault of so many is tried; {@code -Dfaults.every=1} tries all. */
    private static final String EVERY = System.getProperty("faults.every", "3");

    @TempDir(factory = InMemory.class)
    Path work = Path.of("");

    @Test
    void everyFailingCallIsAClearErrorThatLosesNothing() throws Exception {
        Path root = Files.createDirectory(work.resolve("root")).toRealPath();
        try (var child = ChildJvm.start(
                FaultyStore.class, Filetrace.environment(root, null, 0), List.of(root.toString(), EVERY))) {
            String said = child.rest();
            System.out.println(said);
            assertEquals(0, child.exitCode(), said);
            assertFalse(said.contains("BAD"), said);
        }
    }
}
