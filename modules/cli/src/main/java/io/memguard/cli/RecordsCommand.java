package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "records",
        description = {
            "Detect that older files, or an older store, were put back: by records of the files in a token, which --records",
            "names in every call from then on. 'memguard init --records ...' makes a store that keeps them."
        },
        synopsisSubcommandLabel = "(accept|disable)")
final class RecordsCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @ParentCommand
    private Main main;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "missing subcommand: accept, disable");
    }

    @Command(
            name = "accept",
            description = {
                "Trust the present state of all files: to begin, or after restoring a backup on purpose.",
                "Look at what 'memguard doctor --verify' says before."
            })
    int accept() {
        requireRecords();
        long different = main.store().builder(main.store().provider(false)).trustCurrentState(new ProgressBar());
        if (different > 0) {
            System.err.println("memguard: " + different + " secrets were recorded otherwise before");
        }
        return 0;
    }

    @Command(name = "disable", description = "Stop detecting rollbacks, and remove the records.")
    int disable() {
        requireRecords();
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            guard.disableRollbackDetection();
        }
        return 0;
    }

    /** What {@code disable} was called at first. */
    @Command(name = "end", hidden = true)
    int end() {
        return disable();
    }

    private void requireRecords() {
        if (main.store().records().isEmpty()) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "no token for the records given: use --records pkcs11:... or set MEMGUARD_RECORDS");
        }
    }
}
