package io.memguard.cli;

import io.memguard.MemGuardException;
import java.io.IOException;

/** Errors as one line on standard error, with the exit status that scripts rely on. */
final class Failure {
    private static final int BUG = 70; // EX_SOFTWARE of sysexits.h
    private static final int IO = 74; // EX_IOERR
    private static final int BROKEN_PIPE = 141; // What a shell reports for SIGPIPE.

    private Failure() {}

    static int report(Exception failure, boolean debug) {
        if (debug) {
            failure.printStackTrace();
        }
        if (failure instanceof MemGuardException known) {
            System.err.println("memguard: " + known.getMessage() + " [" + known.code() + "]");
            return known.code().exitStatus();
        }
        String message = String.valueOf(failure.getMessage()).replaceAll("\\R", " ");
        if (failure instanceof IOException) {
            if (message.contains("Broken pipe")) {
                return BROKEN_PIPE; // Whoever read has gone; there is nobody to tell.
            }
            System.err.println("memguard: " + message);
            return IO;
        }
        System.err.println("memguard: a bug: " + failure.getClass().getSimpleName() + ": " + message
                + "; run again with --debug and report it");
        return BUG;
    }
}
