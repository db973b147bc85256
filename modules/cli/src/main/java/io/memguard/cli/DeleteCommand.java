package io.memguard.cli;

import io.memguard.OpenMode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "delete", description = "Delete a value; exit with 1 where there was none.")
final class DeleteCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Parameters(paramLabel = "NAME", description = "The secret's name.")
    private String name;

    @Override
    public Integer call() {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            if (guard.delete(name)) {
                return 0;
            }
            System.err.println("memguard: not found");
            return 1;
        }
    }
}
