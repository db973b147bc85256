package io.memguard.prove;

import java.util.List;

/**
 * One place at one time.
 *
 * @param state what it says
 * @param hits what was found that should not be there, or that the documentation allows there
 * @param note why it is not proven and how to get there, or what an exception is; empty where there is nothing to say
 * @param bytes how much was looked at
 */
public record Cell(Place place, Phase phase, State state, List<Hit> hits, String note, long bytes) {
    static Cell notProven(Place place, Phase phase, String note) {
        return new Cell(place, phase, State.NOT_PROVEN, List.of(), note, 0);
    }
}
