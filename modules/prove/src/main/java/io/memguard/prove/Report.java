package io.memguard.prove;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What was seen.
 *
 * @param subject what was searched: keys, JVM, options, kernel, user
 * @param results each place in each phase
 * @param exceptions what is somewhere as the documentation says, and the places where it was found
 * @param peers the same values kept in other ways, by name; empty where they were not asked for
 * @param seconds that it took
 */
public record Report(
        Map<String, String> subject,
        List<Result> results,
        List<KnownException> exceptions,
        Map<String, List<Result>> peers,
        double seconds) {

    /**
     * What is expected to be found.
     *
     * @param what in words
     * @param why it is so
     * @param places where it was found
     */
    public record KnownException(String what, String why, List<String> places) {}

    /** A result, where the search ran. */
    public Optional<Result> result(Place place, Phase phase) {
        return results.stream()
                .filter(result -> result.place() == place && result.phase() == phase)
                .findFirst();
    }

    /** How many results say so. */
    public long count(Verdict verdict) {
        return results.stream().filter(result -> result.verdict() == verdict).count();
    }
}
