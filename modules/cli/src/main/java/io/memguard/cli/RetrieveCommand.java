package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import io.memguard.os.Terminal;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "retrieve",
        description =
                "Write a value to standard output: its bytes and nothing else. A terminal gets text only, and a line end.")
final class RetrieveCommand implements Callable<Integer> {
    @ParentCommand
    private Main main;

    @Parameters(paramLabel = "NAME", description = "The secret's name.")
    private String name;

    @Option(names = "--output", paramLabel = "FILE", description = "Write to a new file (mode 600) instead.")
    private @Nullable Path output;

    @Option(names = "--force", description = "Replace the file of --output.")
    private boolean force;

    @Option(
            names = "--direct",
            description = "Read over the heap, for when the native libraries do not work; at most five times a minute.")
    private boolean direct;

    @Override
    public Integer call() throws IOException {
        if (direct) {
            var keys = main.store().provider(false);
            try (MemGuard guard = main.store()
                    .builder(keys)
                    .mode(OpenMode.EXISTING)
                    .allowDegraded()
                    .open()) {
                return direct(guard);
            }
        }
        try (MemGuard guard = main.store().open(OpenMode.EXISTING)) {
            Optional<Secret> secret = guard.secret(name);
            if (secret.isPresent() && written(secret.get(), guard)) {
                return 0;
            }
            System.err.println("memguard: not found");
            return 1;
        }
    }

    private int direct(MemGuard guard) throws IOException {
        if (output != null) {
            throw new UsageException("give one of --direct and --output");
        }
        DirectReads.count(
                MemGuard.describe(main.store().directory()).orElseThrow().storeId(), name);
        byte[] value = guard.retrieveDirect(name).orElse(null);
        if (value == null) {
            System.err.println("memguard: not found");
            return 1;
        }
        try (var buffer = SecretBuffer.consume(value)) {
            requireText(Terminal.is(1) && !buffer.<Boolean, RuntimeException>read(RetrieveCommand::isText));
            try (var out = new FileOutputStream(FileDescriptor.out)) {
                buffer.<@Nullable Void, IOException>read(bytes -> {
                    write(out.getChannel(), bytes);
                    return null;
                });
                if (Terminal.is(1) && !buffer.<Boolean, RuntimeException>read(RetrieveCommand::endsLine)) {
                    out.write('\n');
                }
            }
        }
        return 0;
    }

    private static void write(FileChannel out, MemorySegment bytes) throws IOException {
        var rest = bytes.asByteBuffer();
        while (rest.hasRemaining()) {
            out.write(rest);
        }
    }

    /** @return whether it was still there: another process may have deleted it since it was looked up */
    private boolean written(Secret secret, MemGuard guard) throws IOException {
        try {
            if (output != null) {
                OutputFile.write(output, force, secret);
            } else {
                print(secret);
            }
            return true;
        } catch (MemGuardException e) {
            if (e.code() == ErrorCode.RETRIEVE_FAILED && !guard.contains(name)) {
                return false;
            }
            throw e;
        }
    }

    private static void print(Secret secret) throws IOException {
        requireText(Terminal.is(1) && !secret.<Boolean, RuntimeException>read(RetrieveCommand::isText));
        try (var out = new FileOutputStream(FileDescriptor.out)) {
            secret.writeTo(out.getChannel());
            if (Terminal.is(1) && !secret.<Boolean, RuntimeException>read(RetrieveCommand::endsLine)) {
                out.write('\n'); // For who reads it, on a terminal only.
            }
        }
    }

    private static boolean endsLine(MemorySegment value) {
        return value.byteSize() > 0 && value.get(ValueLayout.JAVA_BYTE, value.byteSize() - 1) == '\n';
    }

    private static void requireText(boolean commands) {
        if (commands) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "the value has bytes that would command the terminal; redirect the output, or give --output FILE");
        }
    }

    /** No control characters but tabs and line ends; bytes above 127 count as UTF-8, short of C1 controls. */
    private static boolean isText(MemorySegment value) {
        for (long i = 0; i < value.byteSize(); i++) {
            int c = value.get(ValueLayout.JAVA_BYTE, i) & 0xff;
            boolean c1 = c == 0xc2 && i + 1 < value.byteSize() && value.get(ValueLayout.JAVA_BYTE, i + 1) < (byte) 0xa0;
            if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f || c1) {
                return false;
            }
        }
        return true;
    }
}
