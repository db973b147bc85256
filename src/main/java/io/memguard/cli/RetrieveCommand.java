package io.memguard.cli;

import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Secret;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "retrieve", description = "Write a value to standard output: its bytes and nothing else.")
final class RetrieveCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Parameters(paramLabel = "NAME", description = "The secret's name.")
    private String name;

    @Option(names = "--output", paramLabel = "FILE", description = "Write to a new file (mode 600) instead.")
    private @Nullable Path output;

    @Override
    public Integer call() throws IOException {
        try (MemGuard guard = main.store().open(OpenMode.EXISTING)) {
            Optional<Secret> secret = guard.secret(name);
            if (secret.isEmpty()) {
                System.err.println("memguard: not found");
                return 1;
            }
            try (FileChannel target = target()) {
                secret.get().writeTo(target);
            }
            return 0;
        }
    }

    private FileChannel target() throws IOException {
        if (output == null) {
            return new FileOutputStream(FileDescriptor.out).getChannel();
        }
        return FileChannel.open(
                output,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }
}
