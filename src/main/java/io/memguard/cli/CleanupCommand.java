package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.os.Terminal;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
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
    public Integer call() throws IOException {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            if (!yes) {
                confirm(guard.stats().itemsCount());
            }
            long removed = guard.cleanupAll();
            if (Terminal.is(2)) {
                System.err.println("removed " + removed + " values and the key");
            }
            return 0;
        }
    }

    private static void confirm(long items) throws IOException {
        String answer = null;
        if (Terminal.is(0)) {
            System.err.print("remove " + items + " values and their key for ever? (yes/no) ");
            System.err.flush();
            answer = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine();
        }
        if (answer == null || !answer.strip().equals("yes")) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "nothing was removed; answer yes, or give --yes");
        }
    }
}
