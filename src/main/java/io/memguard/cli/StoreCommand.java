package io.memguard.cli;

import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.os.Terminal;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
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

    @Override
    public Integer call() throws IOException {
        if (values != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "a value is never an argument, where every process can see it; pipe it in, or use --file");
        }
        if (file == null && main.store().consumesStandardInput()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "standard input can't be both the passphrase (or PIN) and the value; give --file for the value");
        }
        try (var guard = main.store().open(OpenMode.EXISTING);
                var value = value()) {
            guard.store(name, value);
        }
        return 0;
    }

    private SecretBuffer value() throws IOException {
        if (file == null && Terminal.is(0)) {
            return Terminal.readSecret("value: ");
        }
        try (var in = file == null ? new FileInputStream(FileDescriptor.in) : new FileInputStream(file.toFile())) {
            return SecretBuffer.readFrom(in.getChannel(), SecretBuffer.MAX_SIZE);
        }
    }
}
