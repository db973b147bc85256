package io.memguard.crash;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A real worker gets a real SIGKILL before a call that touches the store; what it leaves must open without help.
 * {@code -Dcrash.every=1} kills at every single call, {@code -Dcrash.first} goes on where a run was stopped.
 */
class KillTest {
    private static final int EVERY = Integer.getInteger("crash.every", 31);
    private static final int FIRST = Integer.getInteger("crash.first", 1);

    @TempDir
    Path work = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"numbered", "software"})
    void aKilledWorkerLosesNothing(String provider) throws Exception {
        long seed = Secrets.seed();
        long calls = Recording.make(work, provider, seed, 0).calls();
        int kills = 0;
        for (long call = FIRST + Math.floorMod(seed, EVERY); call <= calls; call += EVERY) {
            kills += kill(provider, seed, call) ? 1 : 0;
        }
        System.out.println(provider + ": killed at " + kills + " of " + calls + " calls");
        assertTrue(kills > 0);
    }

    /** Whether it came to that call. */
    private boolean kill(String provider, long seed, long call) throws Exception {
        Path root = Files.createDirectory(work.resolve(provider + call)).toRealPath();
        Path log = work.resolve(provider + call + ".log");
        var run = Recording.run(root, log, call, provider, seed, 0);
        var left = Recording.of(root, log);
        assertTrue(run.killed() || left.calls() < call, "call " + call + " of " + left.calls() + " did not kill it");
        var expectation = Expectation.of(Step.scenario(seed, 0), left.finished(), left.unfinished() > 0);
        try (var keys = Worker.keys(provider)) {
            expectation.check(Recording.directory(root), keys);
        } catch (IOException | RuntimeException | AssertionError failure) {
            throw new AssertionError(
                    "killed before call " + call + " in " + expectation.under() + ": " + run.said(), failure);
        }
        return run.killed();
    }
}
