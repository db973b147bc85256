package io.memguard.crash;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What must be found after a crash.
 *
 * @param done what all finished steps left
 * @param under the step under way, wholly done or not at all; for a cleanup that holds for each name
 */
record Expectation(Map<String, Long> done, @Nullable Step under) {
    /** After the given number of steps, with one more begun or none. */
    static Expectation of(List<Step> steps, int finished, boolean begun) {
        Map<String, Long> state = new TreeMap<>();
        for (Step step : steps.subList(0, finished)) {
            state = step.after(state);
        }
        return new Expectation(state, begun ? steps.get(finished) : null);
    }

    /** Opens the store, without help, and looks at everything; then it must work as if nothing had happened. */
    void check(Path directory, KeyProvider keys) throws IOException {
        try (var guard = MemGuard.at(directory).keys(keys).open()) {
            var there = new TreeSet<String>();
            for (String name : Step.NAMES) {
                if (check(guard, name)) {
                    there.add(name);
                }
            }
            assertEquals(List.copyOf(there), guard.list(), "names");
            assertEquals(there.size(), guard.stats().itemsCount(), "values without a name");
            try (Stream<Path> files = Files.list(directory.resolve("memguard_secure"))) {
                assertTrue(files.noneMatch(file -> file.getFileName().toString().startsWith(".tmp_")), "left-overs");
            }
            if (under != null && under.kind() == Step.Kind.ROTATE) {
                guard.rotate((files, total) -> {}); // Goes on where it was, or begins another one.
                guard.cleanupMemory();
                there.forEach(name -> assertTrue(check(guard, name), name));
            }
            for (String name : List.of("a", "probe")) {
                try (var value = Secrets.random(50, 7)) {
                    guard.store(name, value);
                }
                guard.cleanupMemory();
                assertTrue(guard.<Boolean, RuntimeException>read(name, s -> Secrets.matches(s, 7)));
                assertTrue(guard.delete(name));
            }
        }
    }

    private boolean check(MemGuard guard, String name) {
        Long before = done.get(name);
        Long after = under == null || !under.touches(name)
                ? before
                : under.after(done).get(name);
        boolean there = guard.contains(name);
        if (!there) {
            assertTrue(before == null || after == null, () -> "'" + name + "' is lost");
            return false;
        }
        boolean known = Stream.of(before, after)
                .filter(Objects::nonNull)
                .anyMatch(value -> guard.<Boolean, RuntimeException>read(
                        name, s -> s.byteSize() == Step.size(value) && Secrets.matches(s, value)));
        assertTrue(known, () -> "'" + name + "' has a value that nobody stored last");
        return true;
    }
}
