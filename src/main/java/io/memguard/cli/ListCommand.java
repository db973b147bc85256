package io.memguard.cli;

import io.memguard.OpenMode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "list", description = "Print the names, one a line; control characters in them as \\u....")
final class ListCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Parameters(arity = "0..1", paramLabel = "PREFIX", description = "Only names that begin like this.")
    private String prefix = "";

    @ArgGroup
    private final Format format = new Format();

    static final class Format {
        @Option(names = "--json", description = "Print a JSON array.")
        private boolean json;

        @Option(
                names = {"-0", "--null"},
                description = "End each name with a NUL byte, and escape nothing.")
        private boolean nul;
    }

    @Override
    public Integer call() throws IOException {
        try (var guard = main.store().open(OpenMode.EXISTING)) {
            List<String> names = guard.list().stream()
                    .filter(name -> name.startsWith(prefix))
                    .toList();
            String text = format.json
                    ? names.stream().map(Json::quote).collect(Collectors.joining(", ", "[", "]\n"))
                    : names.stream()
                            .map(name -> format.nul ? name + "\0" : Json.escapeControls(name) + "\n")
                            .collect(Collectors.joining());
            Output.print(text.getBytes(StandardCharsets.UTF_8));
            return 0;
        }
    }
}
