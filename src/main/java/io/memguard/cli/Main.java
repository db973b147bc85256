package io.memguard.cli;

import java.io.PrintWriter;
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
            CleanupCommand.class
        },
        footer = {
            "",
            "Exit status: 0 done, 1 no (not found), 2 usage, 10 KEY_INVALID, 11 SECURITY_ERROR,",
            "12 RATE_LIMIT_EXCEEDED, 13 RETRIEVE_FAILED, 14 STORE_FAILED, 15 DELETE_FAILED,",
            "16 CONTAINS_FAILED, 17 GETSTATS_FAILED, 18 CLEANUP_FAILED, 19 INVALID_ARGUMENTS,",
            "70 a bug."
        })
public final class Main implements Runnable {
    /** What the JVM makes of bytes that its locale can't decode: two different names would look alike. */
    private static final char UNDECODABLE = '\ufffd';

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

    int run(String... arguments) {
        for (String argument : arguments) {
            if (argument.indexOf(UNDECODABLE) >= 0) {
                System.err.println(
                        "memguard: an argument is not valid in this locale; names are UTF-8 (LC_ALL=C.UTF-8)");
                return CommandLine.ExitCode.USAGE;
            }
        }
        var line = new CommandLine(this);
        line.setExecutionExceptionHandler((failure, command, result) -> Failure.report(failure, debug));
        line.setParameterExceptionHandler(Main::usage);
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

    /** One line; what picocli would add is in --help. Its message may quote an argument, but never a value's place. */
    private static int usage(ParameterException failure, String[] arguments) {
        PrintWriter error = failure.getCommandLine().getErr();
        error.println("memguard: "
                + String.valueOf(failure.getMessage()).lines().findFirst().orElse("bad arguments")
                + "; see 'memguard --help'");
        return CommandLine.ExitCode.USAGE;
    }

    /** The version of the jar. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getModule().getDescriptor().rawVersion().orElse(null);
            return new String[] {"memguard " + (version == null ? "(not packaged)" : version)};
        }
    }
}
