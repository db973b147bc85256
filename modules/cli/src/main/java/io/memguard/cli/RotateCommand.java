package io.memguard.cli;

import io.memguard.OpenMode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "rotate",
        description = {
            "Switch to a new key of the same provider: every file is encrypted again, the old key is destroyed. Others may",
            "read and write in the meantime. Interrupted, run it again."
        })
final class RotateCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Override
    public Integer call() {
        try (var guard = main.store().open(OpenMode.EXISTING);
                var progress = new KeyChange("memguard rotate")) {
            guard.rotate(progress);
        }
        return 0;
    }
}
