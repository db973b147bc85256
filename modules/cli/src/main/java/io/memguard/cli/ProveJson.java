package io.memguard.cli;

import io.memguard.prove.Cell;
import io.memguard.prove.Hit;
import io.memguard.prove.Report;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;

/** A report of {@code prove} as JSON. */
final class ProveJson {
    private ProveJson() {}

    static String of(Report report) {
        String subject = report.subject().entrySet().stream()
                .map(entry -> Json.quote(entry.getKey()) + ": " + Json.quote(entry.getValue()))
                .collect(Collectors.joining(", ", "{", "}"));
        String peers = report.peers().entrySet().stream()
                .map(entry -> "  " + Json.quote(entry.getKey()) + ": " + list(entry.getValue(), ProveJson::cell))
                .collect(Collectors.joining(",\n", "{\n", "\n}"));
        return "{\"subject\": " + subject + ",\n\"seconds\": " + Math.round(report.seconds()) + ",\n\"cells\": "
                + list(report.cells(), ProveJson::cell) + ",\n\"exceptions\": "
                + list(report.exceptions(), ProveJson::exception) + ",\n\"peers\": " + peers + "}\n";
    }

    private static <T> String list(List<T> all, Function<T, String> each) {
        return all.stream().map(each).collect(Collectors.joining(",\n  ", "[\n  ", "\n]"));
    }

    private static String cell(Cell cell) {
        return "{\"place\": " + word(cell.place()) + ", \"phase\": " + word(cell.phase()) + ", \"state\": "
                + word(cell.state()) + ", \"bytes\": " + cell.bytes() + ", \"note\": " + Json.quote(cell.note())
                + ", \"hits\": "
                + cell.hits().stream().map(ProveJson::hit).collect(Collectors.joining(", ", "[", "]")) + "}";
    }

    private static String hit(Hit hit) {
        return "{\"canary\": " + Json.quote(hit.canary()) + ", \"encoding\": " + Json.quote(hit.encoding())
                + ", \"pieces\": " + hit.windows() + ", \"first\": " + Json.quote(hit.where()) + "}";
    }

    private static String exception(Report.KnownException known) {
        return "{\"what\": " + Json.quote(known.what()) + ", \"why\": " + Json.quote(known.why()) + ", \"places\": "
                + known.places().stream().map(Json::quote).collect(Collectors.joining(", ", "[", "]")) + "}";
    }

    private static String word(Enum<?> value) {
        return Json.quote(value.name().toLowerCase(Locale.ROOT));
    }
}
