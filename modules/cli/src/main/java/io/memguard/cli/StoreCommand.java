package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.os.Terminal;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "store",
        description = "Store a value, byte for byte from standard input (a prompt where that is a terminal).")
final class StoreCommand implements Callable<Integer> {
    private static final long LINE = 4096;

    @Spec
    private CommandSpec spec;

    @ParentCommand
    private Main main;

    @Parameters(index = "0", paramLabel = "NAME", description = "The secret's name.")
    private String name;

    // Taken only to say what is wrong with it, without repeating it.
    @Parameters(index = "1..*", hidden = true)
    private @Nullable List<String> values;

    @Option(names = "--file", paramLabel = "FILE", description = "Read the value from a file instead.")
    private @Nullable Path file;

    @Option(
            names = "--multiline",
            description = "Ask for several lines on the terminal, such as a pasted key; Ctrl-D ends them.")
    private boolean multiline;

    @Option(names = "--allow-empty", description = "Store an empty value, too.")
    private boolean allowEmpty;

    @Override
    @SuppressWarnings("try") // The terminal stays quiet, whatever is asked in between.
    public Integer call() throws IOException {
        if (values != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "a value is never an argument, where every process can see it; pipe it in, or use --file");
        }
        if (file == null && !multiline && main.store().consumesStandardInput()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "standard input can't be both the passphrase (or PIN) and the value; give --file for the value");
        }
        if (name.startsWith("\ufeff")) {
            throw new ParameterException(
                    spec.commandLine(),
                    "the name begins with a byte order mark (U+FEFF), which no one sees; leave it out");
        }
        if (file != null && multiline) {
            throw new ParameterException(spec.commandLine(), "give one of --file and --multiline");
        }
        try (var quiet = Terminal.keepQuiet();
                var guard = main.store().open(OpenMode.EXISTING);
                var value = value()) {
            if (value.size() == 0 && !allowEmpty) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        "the value is empty; nothing was changed; where that is meant, give --allow-empty");
            }
            guard.store(name, value);
        }
        return 0;
    }

    private SecretBuffer value() throws IOException {
        if (multiline) {
            return Terminal.readLines("value (end with Ctrl-D): ");
        }
        if (file == null && Terminal.is(0)) {
            return Terminal.readSecret("value: ");
        }
        try (var in = file == null ? new FileInputStream(FileDescriptor.in) : new FileInputStream(file.toFile())) {
            var value = SecretBuffer.readFrom(in.getChannel(), SecretBuffer.MAX_SIZE);
            if (file == null && isLineOfText(value)) {
                System.err.println("memguard: the value ends with a line break, as echo adds it; it is stored as it is"
                        + " (printf adds none)");
            }
            return value;
        }
    }

    /** One line and its end, and nothing else. */
    private static boolean isLineOfText(SecretBuffer value) {
        return value.<Boolean, RuntimeException>read(text -> {
            long last = text.byteSize() - 1;
            if (last < 0 || last > LINE || text.get(ValueLayout.JAVA_BYTE, last) != '\n') {
                return false;
            }
            for (long i = 0; i < last; i++) {
                byte c = text.get(ValueLayout.JAVA_BYTE, i);
                if (c == '\n' || c == 0) {
                    return false;
                }
            }
            return true;
        });
    }
}
