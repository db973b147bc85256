package io.memguard.cli;

import io.memguard.OpenMode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(name = "init", description = "Make a new, empty store and its key.")
final class InitCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Override
    public Integer call() {
        main.store().open(OpenMode.CREATE).close();
        return 0;
    }
}
