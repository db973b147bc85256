package io.memguard.cli;

import io.memguard.crash.Filetrace;

/** The command line in a JVM that stops before its first call on the traced directory. */
final class StoppedMain {
    private StoppedMain() {}

    public static void main(String[] arguments) {
        new Filetrace().stop(1);
        Main.main(arguments);
    }
}
