package io.memguard.cli;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Wrong arguments as one line on standard error; it repeats none that may be a value or a passphrase. */
final class Usage {
    private Usage() {}

    static int report(ParameterException failure, String[] arguments) {
        System.err.println("memguard: " + Json.escapeControls(message(failure))
                + (message(failure).endsWith("?") ? " See" : "; see") + " 'memguard --help'");
        return CommandLine.ExitCode.USAGE;
    }

    private static String message(ParameterException failure) {
        if (failure instanceof UnmatchedArgumentException unmatched) {
            return unmatched(unmatched);
        }
        return String.valueOf(failure.getMessage()).lines().findFirst().orElse("bad arguments");
    }

    private static List<String> options(CommandLine line) {
        return line.getCommandSpec().options().stream()
                .flatMap(option -> Stream.of(option.names()))
                .toList();
    }

    private static List<String> commands() {
        return Main.COMMANDS.stream().map(Main.Named::name).toList();
    }

    /** What differs by a letter or two. */
    private static String suggestion(String wrong, List<String> right, String quote) {
        int most = Math.clamp(wrong.length() / 3, 1, 2);
        return right.stream()
                .filter(word -> Math.abs(word.length() - wrong.length()) <= most && distance(wrong, word) <= most)
                .min(Comparator.comparingInt(word -> distance(wrong, word)))
                .map(word -> "; did you mean " + quote + word + quote + "?")
                .orElse("");
    }

    /** How many letters have to be put in, taken out, changed or swapped to come from one to the other. */
    private static int distance(String from, String to) {
        int[][] rows = new int[from.length() + 1][to.length() + 1];
        for (int i = 0; i <= from.length(); i++) {
            for (int j = 0; j <= to.length(); j++) {
                rows[i][j] = i == 0 || j == 0 ? i + j : least(rows, from, to, i, j);
            }
        }
        return rows[from.length()][to.length()];
    }

    private static int least(int[][] rows, String from, String to, int i, int j) {
        int changed = rows[i - 1][j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        int least = Math.min(changed, Math.min(rows[i - 1][j], rows[i][j - 1]) + 1);
        boolean swapped =
                i > 1 && j > 1 && from.charAt(i - 1) == to.charAt(j - 2) && from.charAt(i - 2) == to.charAt(j - 1);
        return swapped ? Math.min(least, rows[i - 2][j - 2] + 1) : least;
    }

    private static String unmatched(UnmatchedArgumentException failure) {
        String first = failure.getUnmatched().getFirst();
        if (first.startsWith("--")) {
            String option = first.replaceFirst("=.*", "");
            return option.matches("--(pass(word|phrase)?|pin|value|secret)")
                    ? option + " does not exist: what is secret is never an argument, where every process can see it"
                    : "unknown option " + option + suggestion(option, options(failure.getCommandLine()), "");
        }
        if (first.startsWith("-") && first.length() > 1) {
            return "unknown option " + first.substring(0, 2) + " (a name that begins with a dash goes after --)";
        }
        return failure.getCommandLine().getParent() == null
                ? "unknown command '" + first + "'" + suggestion(first, commands(), "'")
                : "too many arguments for " + failure.getCommandLine().getCommandName();
    }
}
