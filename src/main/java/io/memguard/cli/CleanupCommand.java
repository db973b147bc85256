package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.os.Terminal;
import java.io.Console;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(name = "cleanup", description = "Remove the whole store: every value, every name, and the key.")
final class CleanupCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Option(names = "--yes", description = "Don't ask.")
    private boolean yes;

    @Override
    public Integer call() {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            confirm(guard.stats().itemsCount());
            System.err.println("removed " + guard.cleanupAll() + " values and the key");
            return 0;
        }
    }

    private void confirm(long items) {
        if (yes) {
            return;
        }
        Console console = Terminal.is(0) ? System.console() : null;
        String answer =
                console != null ? console.readLine("remove %d values and their key for ever? (yes/no) ", items) : null;
        if (answer == null || !answer.strip().equals("yes")) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "nothing was removed; answer yes, or give --yes");
        }
    }
}
