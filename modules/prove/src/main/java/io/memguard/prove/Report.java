package io.memguard.prove;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What was seen.
 *
 * @param subject what was looked at: keys, JVM, options, kernel, user
 * @param cells each place in each phase
 * @param exceptions what lies somewhere as the documentation says, and the places where it was found
 * @param peers the same values kept in other ways, by name; empty where nobody asked
 * @param seconds that it took
 */
public record Report(
        Map<String, String> subject,
        List<Cell> cells,
        List<KnownException> exceptions,
        Map<String, List<Cell>> peers,
        double seconds) {

    /**
     * What is expected to be found.
     *
     * @param what in words
     * @param why it is so
     * @param places where it was found
     */
    public record KnownException(String what, String why, List<String> places) {}

    /** A cell, where it was looked. */
    public Optional<Cell> cell(Place place, Phase phase) {
        return cells.stream()
                .filter(cell -> cell.place() == place && cell.phase() == phase)
                .findFirst();
    }

    /** How many cells say so. */
    public long count(State state) {
        return cells.stream().filter(cell -> cell.state() == state).count();
    }
}
