package io.memguard.cli;

import java.util.Objects;
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
        subcommands = {
            InitCommand.class,
            StoreCommand.class,
            RetrieveCommand.class,
            ContainsCommand.class,
            DeleteCommand.class,
            ListCommand.class,
            StatsCommand.class,
            CleanupCommand.class,
            RotateCommand.class,
            RekeyCommand.class,
            TokenCommand.class,
            DoctorCommand.class,
            ExecCommand.class,
            ImportCommand.class,
            ProveCommand.class
        },
        footer = {
            "",
            "Exit status: 0 done, 1 no (not found; doctor: a problem; prove: a leak), 2 usage, 10 KEY_INVALID,",
            "11 SECURITY_ERROR, 12 RATE_LIMIT_EXCEEDED, 13 RETRIEVE_FAILED, 14 STORE_FAILED,",
            "15 DELETE_FAILED, 16 CONTAINS_FAILED, 17 GETSTATS_FAILED, 18 CLEANUP_FAILED,",
            "19 INVALID_ARGUMENTS, 70 a bug, 74 input or output, 141 nobody reads the output;",
            "exec: the command's, 126 it can't be run, 127 it is not found."
        })
public final class Main implements Runnable {
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

    int execute(String[] arguments) {
        var line = new CommandLine(this);
        line.setExpandAtFiles(false); // "@db" is a name.
        Objects.requireNonNull(line.getSubcommands().get("exec"))
                .setStopAtPositional(true); // The rest is the command's.
        line.setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        line.setExecutionExceptionHandler((failure, command, result) -> Failure.report(failure, debug));
        line.setParameterExceptionHandler(Usage::report);
        return line.execute(arguments);
    }

    StoreOptions store() {
        return store;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "say what to do: " + String.join(", ", spec.subcommands().keySet()));
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
