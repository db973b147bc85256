package io.memguard.cli;

import io.memguard.crash.Filetrace;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The command line, again and again, as from its first, second, ... call on the traced directory on every one fails: until it
 * makes no such call. Prints each status and what was said on standard error.
 *
 * <p>Arguments: an errno, and the command.
 */
final class FailingMain {
    private FailingMain() {}

    public static void main(String[] arguments) {
        var trace = new Filetrace();
        String[] command = List.of(arguments).subList(1, arguments.length).toArray(String[]::new);
        var out = System.out;
        for (int first = 1; ; first++) {
            var said = new ByteArrayOutputStream();
            System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
            long before = trace.faults();
            trace.fault(first, 1L << 40, Integer.parseInt(arguments[0]));
            int status = new Main().run(command);
            trace.fault(0, 0, 0);
            boolean failed = trace.faults() > before;
            out.println("status " + status + " "
                    + said.toString(StandardCharsets.UTF_8).strip().replace("\n", "\\n"));
            if (!failed) {
                return;
            }
        }
    }
}
