package io.memguard.cli;

import io.memguard.MemGuardException;
import io.memguard.os.OpenDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import picocli.CommandLine;

/** Errors as one line on standard error, with the exit status that scripts rely on. */
final class Failure {
    private static final int BUG = 70; // EX_SOFTWARE of sysexits.h
    private static final int IO = 74; // EX_IOERR
    private static final int BROKEN_PIPE = 141; // What a shell reports for SIGPIPE.

    private Failure() {}

    static int report(Throwable failure, boolean debug) {
        if (debug) {
            failure.printStackTrace();
        }
        return switch (failure) {
            case MemGuardException known -> {
                print(known.getMessage() + " [" + known.code() + "]");
                yield known.code().exitStatus();
            }
            case UsageException usage -> {
                print(usage.getMessage() + "; see 'memguard --help'");
                yield CommandLine.ExitCode.USAGE;
            }
            case UncheckedIOException wrapped -> io(Objects.requireNonNull(wrapped.getCause()));
            case IOException e -> io(e);
            default -> {
                print("a bug: " + failure.getClass().getSimpleName() + ": " + failure.getMessage()
                        + "; run again with --debug and report it");
                yield BUG;
            }
        };
    }

    private static int io(IOException failure) {
        String message = String.valueOf(failure.getMessage());
        if (message.contains("Broken pipe")) {
            return BROKEN_PIPE; // The reader is gone; there is nothing to tell it.
        }
        print(failure instanceof FileSystemException file ? file.getFile() + ": " + reason(file) : message);
        return IO;
    }

    /** These carry no text of their own. */
    private static String reason(FileSystemException failure) {
        return switch (failure) {
            case FileAlreadyExistsException e -> "exists already; choose another, or give --force";
            case NoSuchFileException e -> "no such file or directory";
            case AccessDeniedException e -> "permission denied";
            default -> String.valueOf(failure.getReason());
        };
    }

    private static void print(String message) {
        System.err.println(
                "memguard: " + Json.escapeControls(OpenDirectory.named(message).replaceAll("\\R", " ")));
    }
}
