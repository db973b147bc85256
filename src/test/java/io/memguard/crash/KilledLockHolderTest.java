package io.memguard.crash;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.os.Posix;
import io.memguard.process.ChildJvm;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that holds locks is stopped, then killed: whoever waits for them goes on at once. */
class KilledLockHolderTest {
    private static final int EVERY = Integer.getInteger("crash.every", 4);

    @TempDir
    Path work = Path.of("");

    @Test
    void aKilledLockHolderBlocksNoOther() throws Exception {
        try (var guard = MemGuard.at(work).keys(new FixedKeys(1)).open()) {
            long seed = Secrets.seed();
            long calls = EVERY; // Until the first one has said how many there are.
            int points = 0;
            int holding = 0;
            for (long call = 1 + Math.floorMod(seed, EVERY); call <= calls; call += EVERY) {
                var environment = Filetrace.environment(work, null, 0);
                try (var holder =
                        ChildJvm.start(LockHolder.class, environment, List.of(work.toString(), Long.toString(call)))) {
                    calls = calls(holder);
                    holder.awaitStop();
                    holding += isLocked() ? 1 : 0;
                    points++;
                    var waiting = CompletableFuture.runAsync(() -> store(guard));
                    holder.kill();
                    waiting.get(60, TimeUnit.SECONDS);
                    assertEquals("of the one that waits", guard.<String, RuntimeException>read("a", Secrets::text));
                }
            }
            System.out.println(points + " of " + calls + " points, at " + holding + " of them with the lock");
            assertTrue(holding > 0, "it was never stopped with the lock");
        }
    }

    private static void store(MemGuard guard) {
        try (var value = Secrets.text("of the one that waits")) {
            guard.store("a", value);
        }
    }

    /** How many calls a store takes: its first line, after what the JVM says of its options. */
    private static long calls(ChildJvm holder) throws Exception {
        String line = String.valueOf(holder.readLine());
        while (!line.matches("[0-9]+")) {
            assertNotEquals("null", line, "the holder ended");
            line = String.valueOf(holder.readLine());
        }
        return Long.parseLong(line);
    }

    /** Asks the kernel, as a process that does not wait would. */
    private boolean isLocked() throws Exception {
        Path file = work.resolve("memguard_secure").resolve("store.lock");
        int descriptor = Posix.openOrCreate(file);
        try {
            return !Posix.lock(descriptor, 0, 1 << 16, false);
        } finally {
            Posix.closeQuietly(descriptor);
        }
    }
}
