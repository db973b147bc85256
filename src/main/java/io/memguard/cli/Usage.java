package io.memguard.cli;

import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Wrong arguments as one line on standard error; it repeats none that may be a value or a passphrase. */
final class Usage {
    private Usage() {}

    static int report(ParameterException failure, String[] arguments) {
        System.err.println("memguard: " + Json.escapeControls(message(failure)) + "; see 'memguard --help'");
        return CommandLine.ExitCode.USAGE;
    }

    private static String message(ParameterException failure) {
        if (failure instanceof UnmatchedArgumentException unmatched) {
            return unmatched(unmatched);
        }
        return String.valueOf(failure.getMessage()).lines().findFirst().orElse("bad arguments");
    }

    private static String unmatched(UnmatchedArgumentException failure) {
        String first = failure.getUnmatched().getFirst();
        if (first.startsWith("--")) {
            String option = first.replaceFirst("=.*", "");
            return option.matches("--(pass(word|phrase)?|pin|value|secret)")
                    ? option + " does not exist: what is secret is never an argument, where every process can see it"
                    : "unknown option " + option;
        }
        if (first.startsWith("-") && first.length() > 1) {
            return "unknown option " + first.substring(0, 2) + " (a name that begins with a dash goes after --)";
        }
        return failure.getCommandLine().getParent() == null
                ? "unknown command '" + first + "'"
                : "too many arguments for " + failure.getCommandLine().getCommandName();
    }
}
