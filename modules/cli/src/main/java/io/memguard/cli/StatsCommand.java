package io.memguard.cli;

import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Stats;
import io.memguard.StoreDescription;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(name = "stats", description = "Print figures of the store.")
final class StatsCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Option(names = "--json", description = "Print a JSON object.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            Stats stats = guard.stats();
            String text = json
                    ? stats.toJson() + "\n"
                    : stats.toMap().entrySet().stream()
                            .map(entry -> entry.getKey() + ": "
                                    + Json.escapeControls(entry.getValue().toString()) + "\n")
                            .collect(Collectors.joining());
            Output.print(text.getBytes(StandardCharsets.UTF_8));
            MemGuard.describe(main.store().directory())
                    .flatMap(StoreDescription::keyChange)
                    .ifPresent(change -> System.err.println("memguard: " + Json.escapeControls(change)));
            return 0;
        }
    }
}
