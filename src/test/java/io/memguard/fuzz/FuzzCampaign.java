package io.memguard.fuzz;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile input at parsers: coverage-guided fuzzing by Jazzer, from the seeds in {@code src/test/resources/fuzz}.
 * All run at once, at the lowest priority: the same inputs each time, or, with {@code -Dfuzz.seconds=}, others for that long.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class FuzzCampaign {
    private static final int SECONDS = Integer.getInteger("fuzz.seconds", 0);
    private static final Pattern INPUTS = Pattern.compile("stat::number_of_executed_units: *(\\d+)");
    private static final Pattern COVERAGE = Pattern.compile("cov: (\\d+) ft: (\\d+)(?![\\s\\S]*cov: )");

    @TempDir
    static Path temporary = Path.of("");

    private final Map<Class<?>, Integer> inputsOfTheGate;
    private final ExecutorService fuzzing = Executors.newCachedThreadPool();
    private Map<Class<?>, Future<Fuzzing.Result>> running = Map.of();

    /** Of these fuzzers, each with so many inputs. */
    protected FuzzCampaign(Map<Class<?>, Integer> inputsOfTheGate) {
        this.inputsOfTheGate = inputsOfTheGate;
    }

    /** What is fuzzed. */
    public Stream<Class<?>> fuzzers() {
        return inputsOfTheGate.keySet().stream();
    }

    /** All at once, as no other test waits for them. */
    @BeforeAll
    public void start() {
        running = fuzzers()
                .collect(Collectors.toMap(
                        Function.identity(), fuzzer -> fuzzing.submit((Callable<Fuzzing.Result>) () -> run(fuzzer))));
    }

    private Fuzzing.Result run(Class<?> fuzzer) throws Exception {
        var fuzzing = new Fuzzing(fuzzer, temporary);
        var replayed = fuzzing.replay();
        if (replayed.status() != 0) {
            return replayed;
        }
        return SECONDS > 0 ? fuzzing.fuzz(SECONDS) : fuzzing.fuzzSteps(inputsOfTheGate.get(fuzzer));
    }

    /** Whatever still runs. */
    @AfterAll
    public void stop() {
        fuzzing.shutdownNow();
    }

    @ParameterizedTest
    @MethodSource("fuzzers")
    public void anyInputIsTakenForWhatItIsOrRefused(Class<?> fuzzer) throws Exception {
        var result = running.get(fuzzer).get();
        assertEquals(0, result.status(), result.text());
        assertTrue(
                Long.parseLong(number(INPUTS, result.text()).getFirst()) > 0,
                result.text()); // All seeds were replayed before.
        var coverage = number(COVERAGE, result.text());
        System.out.println(
                fuzzer.getSimpleName() + ": " + number(INPUTS, result.text()).getFirst() + " inputs"
                        + (SECONDS > 0 ? " in " + SECONDS + " s, " : ", ") + coverage.getFirst() + " edges, "
                        + coverage.getLast() + " features");
    }

    private static List<String> number(Pattern pattern, String text) {
        var matcher = pattern.matcher(text);
        assertTrue(matcher.find(), text);
        return List.of(matcher.group(1), matcher.group(matcher.groupCount()));
    }
}
