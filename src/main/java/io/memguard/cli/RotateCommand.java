package io.memguard.cli;

import io.memguard.OpenMode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "rotate",
        description = {
            "Go over to a new key: every file is sealed anew, the old key is removed. Others may read and write meanwhile;",
            "where it was interrupted, run it again."
        })
final class RotateCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Override
    public Integer call() {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            guard.rotate(new ProgressBar());
        }
        return 0;
    }
}
