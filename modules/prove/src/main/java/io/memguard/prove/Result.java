package io.memguard.prove;

import java.util.List;

/**
 * One place at one time.
 *
 * @param verdict what it says
 * @param matches what was found that should not be there, or that the documentation allows there
 * @param note why it is not proven and how to get there, or what an exception is; empty where there is nothing to say
 * @param bytes how much was searched
 */
public record Result(Place place, Phase phase, Verdict verdict, List<Match> matches, String note, long bytes) {
    static Result notProven(Place place, Phase phase, String note) {
        return new Result(place, phase, Verdict.NOT_PROVEN, List.of(), note, 0);
    }
}
