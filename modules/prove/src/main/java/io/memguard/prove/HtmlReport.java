package io.memguard.prove;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Collectors;

/** A report as one page that needs nothing else: no script, no font, no picture. Signs and words say what colours say. */
public final class HtmlReport {
    private static final String STYLE = """
            :root { color-scheme: light dark; --clean: #d9f2df; --leaked: #ffd5d0; --exception: #fff0c2; --unproven: #e6e6ec;
              --line: #8884; }
            @media (prefers-color-scheme: dark) {
              :root { --clean: #12391d; --leaked: #6b1410; --exception: #4a3900; --unproven: #34343c; } }
            body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
            h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .5rem; }
            h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
            .verdict { font-size: 1.25rem; font-weight: 600; padding: .75rem 1rem; border-radius: .5rem; }
            table { border-collapse: collapse; width: 100%; }
            caption { text-align: left; padding: 0 0 .5rem; }
            th, td { border: 1px solid var(--line); padding: .35rem .5rem; text-align: left; vertical-align: top; }
            th { font-weight: 600; }
            .clean { background: var(--clean); } .leaked { background: var(--leaked); font-weight: 700; }
            .exception { background: var(--exception); } .not-proven { background: var(--unproven); }
            .sign { display: inline-block; width: 1.2em; text-align: center; font-weight: 700; }
            dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0; }
            dt { font-weight: 600; } dd { margin: 0; }
            dd, li, code { overflow-wrap: anywhere; }
            .legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem; }
            .legend li { padding: .1rem .6rem; border-radius: .3rem; }
            @media (max-width: 40rem) {
              body { padding: .75rem; } th, td { padding: .3rem; font-size: .875rem; }
              .places td { text-align: center; }
              .peers { table-layout: fixed; } .peers th, .peers td { overflow-wrap: anywhere; }
              .places .word { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
                white-space: nowrap; }
              dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
            @media print { .clean, .leaked, .exception, .not-proven { print-color-adjust: exact; } }
            """;

    private HtmlReport() {}

    /** UTF-8 text. */
    public static String of(Report report) {
        var page = new StringBuilder("""
                <!doctype html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <title>What memory, dumps and files show of secrets that MemGuard keeps</title>
                <style>
                """).append(STYLE).append("</style>\n</head>\n<body>\n<main>\n");
        page.append("<h1>What memory, dumps and files show of secrets that MemGuard keeps</h1>\n");
        page.append(verdict(report));
        page.append("<dl>\n");
        report.subject().forEach((name, value) -> {
            if (!value.isEmpty()) {
                page.append("<dt>" + escape(name) + "</dt><dd>" + escape(value) + "</dd>\n");
            }
        });
        page.append("</dl>\n").append(places(report)).append(legend());
        page.append(peers(report)).append(details(report)).append("</main>\n</body>\n</html>\n");
        return page.toString();
    }

    private static String verdict(Report report) {
        long leaked = report.count(State.LEAKED);
        long unproven = report.count(State.NOT_PROVEN);
        State state = leaked > 0 ? State.LEAKED : unproven > 0 ? State.NOT_PROVEN : State.CLEAN;
        String text = leaked > 0
                ? "Secrets were found: in " + leaked + " of " + report.cells().size() + " searches."
                : "No secret was found in " + (report.cells().size() - unproven) + " searches"
                        + (unproven > 0 ? "; " + unproven + " could not be made." : ".");
        return "<p class=\"verdict " + style(state) + "\"><span aria-hidden=\"true\">" + state.sign() + " </span>"
                + text + "</p>\n";
    }

    private static String places(Report report) {
        var table =
                new StringBuilder("<table class=\"places\">\n<caption>Where it was looked, and when. Each search had to"
                        + " find random bytes that were left in that place on purpose.</caption>\n<thead><tr><th"
                        + " scope=\"col\">place</th>");
        for (Phase phase : Phase.values()) {
            table.append("<th scope=\"col\">" + escape(phase.title()) + "</th>");
        }
        table.append("</tr></thead>\n<tbody>\n");
        for (Place place : Place.values()) {
            if (report.cells().stream().anyMatch(cell -> cell.place() == place)) {
                table.append("<tr><th scope=\"row\">" + escape(place.title()) + "</th>");
                for (Phase phase : Phase.values()) {
                    table.append(report.cell(place, phase)
                            .map(cell -> cell(cell.state(), cell.state().word()))
                            .orElse("<td>–</td>"));
                }
                table.append("</tr>\n");
            }
        }
        return table.append("</tbody>\n</table>\n").toString();
    }

    private static String cell(State state, String word) {
        return "<td class=\"" + style(state) + "\"><span class=\"sign\" aria-hidden=\"true\">" + state.sign()
                + "</span> <span class=\"word\">" + escape(word) + "</span></td>";
    }

    private static String legend() {
        return Arrays.stream(State.values())
                .map(state ->
                        "<li class=\"" + style(state) + "\"><span class=\"sign\" aria-hidden=\"true\">" + state.sign()
                                + "</span> "
                                + switch (state) {
                                    case CLEAN -> "clean: no secret, and what was planted was found";
                                    case EXCEPTION -> "exception: found where the documentation says it is";
                                    case NOT_PROVEN -> "not proven: the search could not be made, see below";
                                    case LEAKED -> "LEAKED: a secret was found";
                                }
                                + "</li>\n")
                .collect(Collectors.joining("", "<ul class=\"legend\" aria-label=\"Signs\">\n", "</ul>\n"));
    }

    private static String peers(Report report) {
        if (report.peers().isEmpty()) {
            return "";
        }
        var table = new StringBuilder(
                "<h2>The same values kept otherwise</h2>\n<table class=\"peers\">\n<caption>Where they were found:"
                        + " in heap dumps, in the memory of the process, in a core dump by gcore.</caption>\n<thead><tr><th"
                        + " scope=\"col\">kept in</th>");
        for (Phase phase : Peers.PHASES) {
            table.append("<th scope=\"col\">" + escape(phase.title()) + "</th>");
        }
        table.append("</tr></thead>\n<tbody>\n").append(peer("MemGuard", report.cells()));
        report.peers().forEach((name, cells) -> table.append(peer(name, cells)));
        return table.append("</tbody>\n</table>\n").toString();
    }

    private static String peer(String name, List<Cell> cells) {
        var row = new StringBuilder("<tr><th scope=\"row\">" + escape(name) + "</th>");
        for (Phase phase : Peers.PHASES) {
            List<Cell> these = cells.stream()
                    .filter(cell -> cell.phase() == phase && Peers.PLACES.contains(cell.place()))
                    .toList();
            List<String> found = these.stream()
                    .filter(cell -> cell.state() == State.LEAKED)
                    .map(cell -> cell.place().title())
                    .toList();
            boolean unproven = these.isEmpty() || these.stream().anyMatch(cell -> cell.state() == State.NOT_PROVEN);
            State state = !found.isEmpty() ? State.LEAKED : unproven ? State.NOT_PROVEN : State.CLEAN;
            row.append(cell(
                    state,
                    found.isEmpty() ? state == State.CLEAN ? "nowhere" : state.word() : String.join("; ", found)));
        }
        return row.append("</tr>\n").toString();
    }

    private static String details(Report report) {
        var text = new StringBuilder();
        for (Cell cell : report.cells()) {
            if (cell.state() == State.LEAKED) {
                text.append("<h2>Leaked in: " + escape(name(cell)) + "</h2>\n<ul>\n");
                cell.hits()
                        .forEach(hit -> text.append(
                                "<li>" + escape(hit.canary()) + " (" + escape(hit.encoding()) + "), " + hit.windows()
                                        + " pieces, first <code>" + escape(hit.where()) + "</code></li>\n"));
                text.append("</ul>\n");
            }
        }
        notes(report, State.NOT_PROVEN, "Not proven, and how to get there", text);
        notes(report, State.EXCEPTION, "Exceptions", text);
        if (!report.exceptions().isEmpty()) {
            text.append("<h2>Expected, and found</h2>\n<ul>\n");
            report.exceptions()
                    .forEach(known -> text.append("<li><strong>" + escape(known.what()) + "</strong>: "
                            + escape(known.why()) + " (" + known.places().size() + " searches)</li>\n"));
            text.append("</ul>\n");
        }
        return text.append("<p>Made by <code>memguard prove</code> in " + Math.round(report.seconds())
                        + " seconds, with random secrets: 8 consecutive bytes of any of them count as found, raw, in"
                        + " hexadecimal, Base64, UTF-16 or decimal.</p>\n")
                .toString();
    }

    private static void notes(Report report, State state, String title, StringBuilder text) {
        var notes = new LinkedHashMap<String, List<String>>();
        report.cells().stream()
                .filter(cell -> cell.state() == state)
                .forEach(cell -> notes.computeIfAbsent(cell.note(), note -> new ArrayList<>())
                        .add(name(cell)));
        if (!notes.isEmpty()) {
            text.append("<h2>" + title + "</h2>\n<ul>\n");
            notes.forEach((note, cells) ->
                    text.append("<li>" + escape(String.join("; ", cells)) + ": " + escape(note) + "</li>\n"));
            text.append("</ul>\n");
        }
    }

    private static String name(Cell cell) {
        return cell.place().title() + ", " + cell.phase().title();
    }

    private static String style(State state) {
        return state.word().toLowerCase(java.util.Locale.ROOT).replace(' ', '-');
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
