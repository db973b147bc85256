package io.memguard.cli;

import io.memguard.OpenMode;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
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
            List<String> names = guard.list();
            Output.print(out -> {
                String separator = format.json ? "[" : "";
                for (String name : names) {
                    if (name.startsWith(prefix)) {
                        out.append(separator).append(text(name));
                        separator = format.json ? ", " : "";
                    }
                }
                out.append(!format.json ? "" : separator.equals("[") ? "[]\n" : "]\n");
            });
            return 0;
        }
    }

    private String text(String name) {
        if (format.json) {
            return Json.quote(name);
        }
        return format.nul ? name + '\0' : Json.escapeControls(name) + '\n';
    }
}
