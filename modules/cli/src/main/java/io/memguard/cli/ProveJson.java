package io.memguard.cli;

import io.memguard.prove.Match;
import io.memguard.prove.Report;
import io.memguard.prove.Result;
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
                .map(entry -> "  " + Json.quote(entry.getKey()) + ": " + list(entry.getValue(), ProveJson::result))
                .collect(Collectors.joining(",\n", "{\n", "\n}"));
        return "{\"subject\": " + subject + ",\n\"seconds\": " + Math.round(report.seconds()) + ",\n\"cells\": "
                + list(report.results(), ProveJson::result) + ",\n\"exceptions\": "
                + list(report.exceptions(), ProveJson::exception) + ",\n\"peers\": " + peers + "}\n";
    }

    private static <T> String list(List<T> all, Function<T, String> each) {
        return all.stream().map(each).collect(Collectors.joining(",\n  ", "[\n  ", "\n]"));
    }

    private static String result(Result result) {
        return "{\"place\": " + word(result.place()) + ", \"phase\": " + word(result.phase()) + ", \"state\": "
                + word(result.verdict()) + ", \"bytes\": " + result.bytes() + ", \"note\": " + Json.quote(result.note())
                + ", \"hits\": "
                + result.matches().stream().map(ProveJson::match).collect(Collectors.joining(", ", "[", "]")) + "}";
    }

    private static String match(Match match) {
        return "{\"canary\": " + Json.quote(match.canary()) + ", \"encoding\": " + Json.quote(match.encoding())
                + ", \"pieces\": " + match.windows() + ", \"first\": " + Json.quote(match.where()) + "}";
    }

    private static String exception(Report.KnownException known) {
        return "{\"what\": " + Json.quote(known.what()) + ", \"why\": " + Json.quote(known.why()) + ", \"places\": "
                + known.places().stream().map(Json::quote).collect(Collectors.joining(", ", "[", "]")) + "}";
    }

    private static String word(Enum<?> value) {
        return Json.quote(value.name().toLowerCase(Locale.ROOT));
    }
}
