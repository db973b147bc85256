package io.memguard.crash;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A worker's calls are recorded once; then the disk is put into every state that a kill or a power cut at each of them may
 * leave, and the store opened from it. More random steps by {@code -Dcrash.steps=}.
 */
class PowerCutTest {
    private static final int STEPS = Integer.getInteger("crash.steps", 10);

    @TempDir(factory = InMemory.class)
    Path work = Path.of("");

    private static void clear(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : (Iterable<Path>)
                    all.sorted(Comparator.reverseOrder()).filter(file -> !file.equals(directory))::iterator) {
                Files.delete(file);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"numbered", "software"})
    void noKillAndNoPowerCutLosesOrInventsAnything(String provider) throws Exception {
        long seed = Secrets.seed();
        int steps = provider.equals("numbered") ? STEPS : Math.ceilDiv(STEPS, 15);
        var recording = Recording.make(work, provider, seed, steps);
        var failures = new ArrayList<String>();
        int states = play(recording, 0, Step.scenario(seed, steps), provider, seed, failures, 10);
        System.out.println(provider + ": " + states + " states after a crash at "
                + recording.events().size() + " moments, " + failures.size() + " of them bad");
        assertTrue(failures.isEmpty(), () -> String.join("\n", failures));
    }

    /** Without this a harness that sees nothing would be green forever. */
    @Test
    void everyMissingSyncOfAWriteIsSeen() throws Exception {
        long seed = Secrets.seed();
        var steps = Step.scenario(seed, 0);
        var recording = Recording.make(work, "numbered", seed, 0);
        int dropped = 0;
        for (int i = 0; !isDone(3, recording.events().get(i)); i++) {
            if (recording.events().get(i).getFirst().equals("sync")) {
                var failures = new ArrayList<String>();
                play(recording.without(i), i, steps, "numbered", seed, failures, 1);
                assertFalse(
                        failures.isEmpty(),
                        "nobody misses " + recording.events().get(i));
                dropped++;
            }
        }
        System.out.println(dropped + " syncs left out, each one noticed");
        assertTrue(dropped >= 8, "the scenario has lost its syncs");
    }

    private static boolean isDone(int step, List<String> event) {
        return event.getFirst().equals("mark") && event.get(1).equals("done " + step);
    }

    /** @param from the first event after which there may be a crash */
    private int play(
            Recording recording,
            int from,
            List<Step> steps,
            String provider,
            long seed,
            List<String> failures,
            int enough)
            throws IOException {
        var disk = new Disk(recording.root(), provider.equals("numbered") ? 32 : 2, seed);
        int finished = 0;
        int begun = 0;
        int states = 0;
        Set<Object> seen = new HashSet<>();
        for (int i = 0; i < recording.events().size() && failures.size() < enough; i++) {
            var event = recording.events().get(i);
            if (event.getFirst().equals("mark")) {
                begun += event.get(1).startsWith("begin") ? 1 : 0;
                finished += event.get(1).startsWith("done") ? 1 : 0;
            } else {
                disk.apply(event);
            }
            if (i < from) {
                continue;
            }
            var expectation = Expectation.of(steps, finished, begun > finished);
            var images = disk.afterPowerCut();
            images.add(disk.now());
            for (Image image : images) {
                if (seen.add(List.of(image, expectation))) {
                    states++;
                    verify(image, expectation, provider, event, failures);
                }
            }
        }
        return states;
    }

    private void verify(
            Image image, Expectation expectation, String provider, List<String> event, List<String> failures)
            throws IOException {
        Path root = Files.createDirectories(work.resolve("state"));
        image.writeTo(root);
        try (var keys = Worker.keys(provider)) {
            expectation.check(Recording.directory(root), keys);
        } catch (RuntimeException | AssertionError failure) {
            failures.add("after " + shortened(event) + " in " + expectation.under() + ", with "
                    + image.files().keySet() + ": " + failure);
        }
        clear(root);
    }

    private static String shortened(List<String> event) {
        String text = String.join(" ", event);
        return text.substring(0, Math.min(200, text.length()));
    }
}
