package io.memguard.prove;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;

/** A report as a table for a terminal. */
public final class TextReport {
    private static final int FIRST = 34;
    private static final int COLUMN = 14;

    private TextReport() {}

    /** Lines of up to 90 characters where no place or option is longer; no control characters. */
    public static String of(Report report) {
        var text = new StringBuilder();
        report.subject().forEach((name, value) -> {
            if (!value.isEmpty()) {
                text.append(String.format("%-8s %s\n", name, value));
            }
        });
        text.append('\n').append(" ".repeat(FIRST));
        for (Phase phase : Phase.values()) {
            text.append(pad(phase.title()));
        }
        text.append('\n');
        for (Place place : Place.values()) {
            if (report.results().stream().anyMatch(result -> result.place() == place)) {
                text.append(String.format("%-" + FIRST + "s", place.title()));
                for (Phase phase : Phase.values()) {
                    text.append(pad(report.result(place, phase)
                            .map(result -> result.verdict().sign() + " "
                                    + result.verdict().word())
                            .orElse("")));
                }
                text.append('\n');
            }
        }
        if (!report.peers().isEmpty()) {
            text.append("\nthe same values otherwise, in heap dumps, memory and a core dump\n");
            report.peers().forEach((name, results) -> text.append(row(name, results)));
        }
        details(report, text);
        return text.toString().replaceAll(" +\n", "\n");
    }

    private static String row(String name, List<Result> results) {
        var row = new StringBuilder(String.format("%-" + FIRST + "s", name));
        for (Phase phase : Phase.values()) {
            Verdict worst = results.stream()
                    .filter(result -> result.phase() == phase)
                    .map(Result::verdict)
                    .max(Comparator.naturalOrder())
                    .orElse(null);
            row.append(pad(worst == null ? "" : worst.sign() + " " + worst.word()));
        }
        return row.append('\n').toString();
    }

    private static String pad(String text) {
        return text + " ".repeat(Math.max(1, COLUMN - text.length()));
    }

    private static void details(Report report, StringBuilder text) {
        for (Result result : report.results()) {
            if (result.verdict() == Verdict.LEAKED) {
                text.append('\n').append("LEAKED in ").append(name(result)).append('\n');
                result.matches()
                        .forEach(match -> text.append("  ").append(match(match)).append('\n'));
            }
        }
        notes(report, Verdict.NOT_PROVEN, text);
        notes(report, Verdict.EXCEPTION, text);
        if (!report.exceptions().isEmpty()) {
            text.append("\nexpected, and found:\n");
            report.exceptions()
                    .forEach(known -> text.append("  ")
                            .append(known.what())
                            .append(": ")
                            .append(known.why())
                            .append('\n'));
        }
        text.append(String.format(
                "\n%d clean, %d exceptions, %d not proven, %d leaked; %.0f s\n",
                report.count(Verdict.CLEAN),
                report.count(Verdict.EXCEPTION),
                report.count(Verdict.NOT_PROVEN),
                report.count(Verdict.LEAKED),
                report.seconds()));
    }

    /** Each note once, with the results that it is about. */
    private static void notes(Report report, Verdict verdict, StringBuilder text) {
        var notes = new LinkedHashMap<String, List<String>>();
        report.results().stream()
                .filter(result -> result.verdict() == verdict)
                .forEach(result -> notes.computeIfAbsent(result.note(), note -> new ArrayList<>())
                        .add(name(result)));
        notes.forEach((note, results) -> text.append('\n')
                .append(verdict.word())
                .append(": ")
                .append(note)
                .append("\n  ")
                .append(String.join("; ", results))
                .append('\n'));
    }

    private static String name(Result result) {
        return result.place().title() + ", " + result.phase().title();
    }

    private static String match(Match match) {
        return match.canary() + " (" + match.encoding() + "), " + match.windows() + " pieces, first " + match.where();
    }
}
