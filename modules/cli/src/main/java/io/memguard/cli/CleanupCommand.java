package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.os.Terminal;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(name = "cleanup", description = "Remove the whole store: every value, every name, and the key.")
final class CleanupCommand implements Callable<Integer> {
    private static final byte[] YES = {'y', 'e', 's'};

    @ParentCommand
    private Main main;

    @Option(names = "--yes", description = "Don't ask.")
    private boolean yes;

    @Override
    public Integer call() {
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

    /** As a secret is asked for: only what is typed after the question, and ended by Enter, is an answer. */
    private static void confirm(long items) {
        boolean agreed = false;
        if (Terminal.is(0)) {
            String question = "remove " + items + " values and their key forever? Type yes, which is not shown: ";
            try (var answer = Terminal.readSecret(question)) {
                agreed =
                        answer.<Boolean, RuntimeException>read(text -> text.mismatch(MemorySegment.ofArray(YES)) == -1);
            }
        }
        if (!agreed) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "nothing was removed; answer yes, or give --yes");
        }
    }
}
