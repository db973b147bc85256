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
            if (report.cells().stream().anyMatch(cell -> cell.place() == place)) {
                text.append(String.format("%-" + FIRST + "s", place.title()));
                for (Phase phase : Phase.values()) {
                    text.append(pad(report.cell(place, phase)
                            .map(cell ->
                                    cell.state().sign() + " " + cell.state().word())
                            .orElse("")));
                }
                text.append('\n');
            }
        }
        if (!report.peers().isEmpty()) {
            text.append("\nthe same values otherwise, in heap dumps, memory and a core dump\n");
            report.peers().forEach((name, cells) -> text.append(peer(name, cells)));
        }
        details(report, text);
        return text.toString().replaceAll(" +\n", "\n");
    }

    private static String peer(String name, List<Cell> cells) {
        var row = new StringBuilder(String.format("%-" + FIRST + "s", name));
        for (Phase phase : Phase.values()) {
            State worst = cells.stream()
                    .filter(cell -> cell.phase() == phase)
                    .map(Cell::state)
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
        for (Cell cell : report.cells()) {
            if (cell.state() == State.LEAKED) {
                text.append('\n').append("LEAKED in ").append(name(cell)).append('\n');
                cell.hits().forEach(hit -> text.append("  ").append(hit(hit)).append('\n'));
            }
        }
        notes(report, State.NOT_PROVEN, text);
        notes(report, State.EXCEPTION, text);
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
                report.count(State.CLEAN),
                report.count(State.EXCEPTION),
                report.count(State.NOT_PROVEN),
                report.count(State.LEAKED),
                report.seconds()));
    }

    /** Each note once, with the cells that it is about. */
    private static void notes(Report report, State state, StringBuilder text) {
        var notes = new LinkedHashMap<String, List<String>>();
        report.cells().stream()
                .filter(cell -> cell.state() == state)
                .forEach(cell -> notes.computeIfAbsent(cell.note(), note -> new ArrayList<>())
                        .add(name(cell)));
        notes.forEach((note, cells) -> text.append('\n')
                .append(state.word())
                .append(": ")
                .append(note)
                .append("\n  ")
                .append(String.join("; ", cells))
                .append('\n'));
    }

    private static String name(Cell cell) {
        return cell.place().title() + ", " + cell.phase().title();
    }

    private static String hit(Hit hit) {
        return hit.canary() + " (" + hit.encoding() + "), " + hit.windows() + " pieces, first " + hit.where();
    }
}
