package io.memguard.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code memguard}: secrets in files under a key, from scripts and by hand. */
@Command(
        name = "memguard",
        description = "Keeps secrets encrypted on disk and off the Java heap.",
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        versionProvider = Main.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "Exit status: 0 done, 1 no (not found; doctor: a problem; prove: a leak), 2 usage, 10 KEY_INVALID,",
            "11 SECURITY_ERROR, 12 RATE_LIMIT_EXCEEDED, 13 RETRIEVE_FAILED, 14 STORE_FAILED,",
            "15 DELETE_FAILED, 16 CONTAINS_FAILED, 17 GETSTATS_FAILED, 18 CLEANUP_FAILED,",
            "19 INVALID_ARGUMENTS, 70 a bug, 74 input or output, 141 the reader of the output is gone;",
            "exec: the command's, 126 it can't be run, 127 it is not found."
        })
public final class Main implements Runnable {
    /** A command and its name, as its annotation has it. */
    record Named(String name, Class<?> type) {}

    /** In the order of the help. */
    static final List<Named> COMMANDS = List.of(
            new Named("init", InitCommand.class),
            new Named("store", StoreCommand.class),
            new Named("retrieve", RetrieveCommand.class),
            new Named("contains", ContainsCommand.class),
            new Named("delete", DeleteCommand.class),
            new Named("list", ListCommand.class),
            new Named("stats", StatsCommand.class),
            new Named("cleanup", CleanupCommand.class),
            new Named("rotate", RotateCommand.class),
            new Named("rekey", RekeyCommand.class),
            new Named("records", RecordsCommand.class),
            new Named("token", TokenCommand.class),
            new Named("doctor", DoctorCommand.class),
            new Named("exec", ExecCommand.class),
            new Named("import", ImportCommand.class),
            new Named("prove", ProveCommand.class));

    @Spec
    private CommandSpec spec;

    @Mixin
    private StoreOptions store;

    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of an error.")
    private boolean debug;

    /** Runs one command and ends the JVM with its exit status. */
    public static void main(String[] arguments) {
        System.exit(new Main().run(arguments));
    }

    int run(String[] arguments) {
        try {
            return execute(Arguments.exact(arguments));
        } catch (Throwable failure) {
            return Failure.report(failure, debug); // Errors, too, must not look like "not found".
        }
    }

    /** The model of all commands, for the manual and for completion. */
    public CommandLine allCommands() {
        return with(COMMANDS);
    }

    /** Only the one that is called, where that is clear: to build the model of all takes as long as all the rest of a start. */
    private CommandLine commandsFor(String[] arguments) {
        var called = COMMANDS.stream()
                .filter(command -> arguments.length > 0 && command.name().equals(arguments[0]))
                .toList();
        return called.isEmpty() ? allCommands() : with(called);
    }

    private CommandLine with(List<Named> commands) {
        var line = new CommandLine(this);
        for (Named command : commands) {
            var added = new CommandLine(command.type());
            line.addSubcommand(command.name(), added);
            bySentences(added);
            added.setStopAtPositional(command.type() == ExecCommand.class); // The rest is that command's.
        }
        return line;
    }

    /** Of a description the list of commands shows the first line only, which has to be a sentence. */
    private static void bySentences(CommandLine line) {
        var usage = line.getCommandSpec().usageMessage();
        usage.description(String.join(" ", usage.description()).split("(?<=\\.) (?=[A-Z'-])"));
        line.getSubcommands().values().forEach(Main::bySentences);
    }

    int execute(String[] arguments) {
        logOnOneLine();
        CommandLine line = commandsFor(arguments);
        line.setExpandAtFiles(false); // "@db" is a name.
        line.setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        line.setExecutionExceptionHandler((failure, command, result) -> Failure.report(failure, debug));
        line.setParameterExceptionHandler(Usage::report);
        try {
            return line.execute(arguments);
        } finally {
            AskedOnce.forget();
        }
    }

    /** What the library logs looks like all else on standard error, unless the user has configured it. */
    private static void logOnOneLine() {
        for (String property : List.of("java.util.logging.SimpleFormatter.format", "jdk.system.logger.format")) {
            if (System.getProperty(property) == null) {
                System.setProperty(property, "memguard: %5$s%n");
            }
        }
    }

    StoreOptions store() {
        return store;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "missing command: " + String.join(", ", spec.subcommands().keySet()));
    }

    /** The version of the jar. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            var descriptor = Main.class.getModule().getDescriptor(); // None on a class path.
            String version = descriptor == null
                    ? Main.class.getPackage().getImplementationVersion()
                    : descriptor.rawVersion().orElse(null);
            return new String[] {"memguard " + (version == null ? "(not packaged)" : version)};
        }
    }
}
