package io.memguard.cli;

import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.StoreDescription;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(name = "init", description = "Make a new, empty store and its key.")
final class InitCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Option(names = "--json", description = "Print what was made as a JSON object.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        main.store().open(OpenMode.CREATE).close();
        if (json) {
            StoreDescription made = MemGuard.describe(main.store().directory()).orElseThrow();
            String text =
                    "{\"store_id\": " + Json.quote(made.storeId()) + ", \"provider\": " + Json.quote(made.provider())
                            + ", \"mode\": " + Json.quote(made.mode().name().toLowerCase(Locale.ROOT))
                            + ", \"format_version\": " + made.formatVersion() + "}\n";
            Output.print(text.getBytes(StandardCharsets.UTF_8));
        }
        return 0;
    }
}
