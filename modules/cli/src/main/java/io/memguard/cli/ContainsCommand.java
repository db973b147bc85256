package io.memguard.cli;

import io.memguard.OpenMode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "contains", description = "Exit with 0 where a value is stored under the name, else with 1.")
final class ContainsCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Parameters(paramLabel = "NAME", description = "The secret's name.")
    private String name;

    @Override
    public Integer call() {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            return guard.contains(name) ? 0 : 1;
        }
    }
}
