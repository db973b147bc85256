package io.memguard.cli;

import io.memguard.crash.Filetrace;
import java.util.List;

/**
 * The command line, killed behind a rename, link, unlink or sync on the traced directory. Prints how many there were where it
 * ends by itself.
 *
 * <p>Arguments: which of them, 0 for none, and the command.
 */
final class KilledMain {
    private KilledMain() {}

    public static void main(String[] arguments) {
        var trace = new Filetrace();
        long change = Long.parseLong(arguments[0]);
        if (change > 0) {
            trace.killBehind(change);
        }
        long before = trace.changes();
        int status =
                new Main().run(List.of(arguments).subList(1, arguments.length).toArray(String[]::new));
        System.out.println("status " + status + " after " + (trace.changes() - before));
    }
}
