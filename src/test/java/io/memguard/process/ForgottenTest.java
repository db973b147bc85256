package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an application leaves that is reloaded and never closes its store. */
class ForgottenTest {
    @TempDir
    Path directory;

    @Test
    void aStoreThatIsForgottenGivesBackItsDescriptorsAndItsMemory() throws Exception {
        MemGuard.at(directory).keys(new FixedKeys(1)).open().close();
        try (var other = MemGuard.at(directory.resolveSibling(directory.getFileName() + "-other"))
                .keys(new FixedKeys(1))
                .open()) {
            long locked = other.memoryUsage().lockedBytes();
            for (int i = 0; i < 20; i++) {
                useAndForget(i % 2 == 0);
            }
            assertTrue(descriptors().size() > 0);
            long end = System.nanoTime() + 30_000_000_000L;
            while (!descriptors().isEmpty() && System.nanoTime() < end) {
                System.gc();
                Thread.sleep(50);
            }
            assertEquals(List.of(), descriptors());
            other.cleanupMemory();
            assertTrue(other.memoryUsage().lockedBytes() <= locked, other.memoryUsage() + " after " + locked);
            other.cleanupAll();
        }
    }

    private void useAndForget(boolean read) {
        var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
        try (var value = Secrets.text("a value")) {
            guard.store("a", value);
        }
        if (read) {
            assertEquals("a value", guard.<String, RuntimeException>read("a", Secrets::text));
        }
    }

    private List<String> descriptors() throws IOException {
        try (var open = Files.list(Path.of("/proc/self/fd"))) {
            return open.map(ForgottenTest::target)
                    .filter(file -> file.startsWith(directory + "/"))
                    .toList();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // Closed just now.
        }
    }
}
