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
        long leaked = report.count(Verdict.LEAKED);
        long unproven = report.count(Verdict.NOT_PROVEN);
        Verdict verdict = leaked > 0 ? Verdict.LEAKED : unproven > 0 ? Verdict.NOT_PROVEN : Verdict.CLEAN;
        String text = leaked > 0
                ? "Secrets were found: in " + leaked + " of " + report.results().size() + " searches."
                : "No secret was found in " + (report.results().size() - unproven) + " searches"
                        + (unproven > 0 ? "; " + unproven + " could not be made." : ".");
        return "<p class=\"verdict " + style(verdict) + "\"><span aria-hidden=\"true\">" + verdict.sign() + " </span>"
                + text + "</p>\n";
    }

    private static String places(Report report) {
        var table = new StringBuilder(
                "<table class=\"places\">\n<caption>Where the search ran, and when. Each search had to"
                        + " find random bytes that were left in that place on purpose.</caption>\n<thead><tr><th"
                        + " scope=\"col\">place</th>");
        for (Phase phase : Phase.values()) {
            table.append("<th scope=\"col\">" + escape(phase.title()) + "</th>");
        }
        table.append("</tr></thead>\n<tbody>\n");
        for (Place place : Place.values()) {
            if (report.results().stream().anyMatch(result -> result.place() == place)) {
                table.append("<tr><th scope=\"row\">" + escape(place.title()) + "</th>");
                for (Phase phase : Phase.values()) {
                    table.append(report.result(place, phase)
                            .map(result ->
                                    cell(result.verdict(), result.verdict().word()))
                            .orElse("<td>–</td>"));
                }
                table.append("</tr>\n");
            }
        }
        return table.append("</tbody>\n</table>\n").toString();
    }

    private static String cell(Verdict verdict, String word) {
        return "<td class=\"" + style(verdict) + "\"><span class=\"sign\" aria-hidden=\"true\">" + verdict.sign()
                + "</span> <span class=\"word\">" + escape(word) + "</span></td>";
    }

    private static String legend() {
        return Arrays.stream(Verdict.values())
                .map(verdict -> "<li class=\"" + style(verdict) + "\"><span class=\"sign\" aria-hidden=\"true\">"
                        + verdict.sign()
                        + "</span> "
                        + switch (verdict) {
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
        for (Phase phase : Baselines.PHASES) {
            table.append("<th scope=\"col\">" + escape(phase.title()) + "</th>");
        }
        table.append("</tr></thead>\n<tbody>\n").append(row("MemGuard", report.results()));
        report.peers().forEach((name, results) -> table.append(row(name, results)));
        return table.append("</tbody>\n</table>\n").toString();
    }

    private static String row(String name, List<Result> results) {
        var row = new StringBuilder("<tr><th scope=\"row\">" + escape(name) + "</th>");
        for (Phase phase : Baselines.PHASES) {
            List<Result> these = results.stream()
                    .filter(result -> result.phase() == phase && Baselines.PLACES.contains(result.place()))
                    .toList();
            List<String> found = these.stream()
                    .filter(result -> result.verdict() == Verdict.LEAKED)
                    .map(result -> result.place().title())
                    .toList();
            boolean unproven =
                    these.isEmpty() || these.stream().anyMatch(result -> result.verdict() == Verdict.NOT_PROVEN);
            Verdict verdict = !found.isEmpty() ? Verdict.LEAKED : unproven ? Verdict.NOT_PROVEN : Verdict.CLEAN;
            row.append(cell(
                    verdict,
                    found.isEmpty()
                            ? verdict == Verdict.CLEAN ? "nowhere" : verdict.word()
                            : String.join("; ", found)));
        }
        return row.append("</tr>\n").toString();
    }

    private static String details(Report report) {
        var text = new StringBuilder();
        for (Result result : report.results()) {
            if (result.verdict() == Verdict.LEAKED) {
                text.append("<h2>Leaked in: " + escape(name(result)) + "</h2>\n<ul>\n");
                result.matches()
                        .forEach(match -> text.append("<li>" + escape(match.canary()) + " (" + escape(match.encoding())
                                + "), " + match.windows() + " pieces, first <code>" + escape(match.where())
                                + "</code></li>\n"));
                text.append("</ul>\n");
            }
        }
        notes(report, Verdict.NOT_PROVEN, "Not proven, and how to get there", text);
        notes(report, Verdict.EXCEPTION, "Exceptions", text);
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

    private static void notes(Report report, Verdict verdict, String title, StringBuilder text) {
        var notes = new LinkedHashMap<String, List<String>>();
        report.results().stream()
                .filter(result -> result.verdict() == verdict)
                .forEach(result -> notes.computeIfAbsent(result.note(), note -> new ArrayList<>())
                        .add(name(result)));
        if (!notes.isEmpty()) {
            text.append("<h2>" + title + "</h2>\n<ul>\n");
            notes.forEach((note, results) ->
                    text.append("<li>" + escape(String.join("; ", results)) + ": " + escape(note) + "</li>\n"));
            text.append("</ul>\n");
        }
    }

    private static String name(Result result) {
        return result.place().title() + ", " + result.phase().title();
    }

    private static String style(Verdict verdict) {
        return verdict.word().toLowerCase(java.util.Locale.ROOT).replace(' ', '-');
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
