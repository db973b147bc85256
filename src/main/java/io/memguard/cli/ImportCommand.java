package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.migration.Entry;
import io.memguard.migration.JasyptProperties;
import io.memguard.migration.Pkcs12Entries;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "import",
        description = {
            "Store what a file of another tool holds. All of it is opened before any of it is stored; the file is left as",
            "it is. Values pass over the heap of this one process."
        },
        synopsisSubcommandLabel = "jasypt | pkcs12")
final class ImportCommand implements Runnable {
    private static final int LARGEST_FILE = 64 << 20;

    @Spec
    private CommandSpec spec;

    @ParentCommand
    private Main main;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say from what: import jasypt, import pkcs12");
    }

    /** What both have in common. */
    static final class Options {
        @Parameters(paramLabel = "FILE", description = "The file to read.")
        private Path file;

        @Option(
                names = "--password-file",
                paramLabel = "FILE",
                description = "Read its password from a file (chmod 600).")
        private @Nullable Path passwordFile;

        @Option(names = "--password-fd", paramLabel = "N", description = "Read it from an inherited file descriptor.")
        private @Nullable Integer passwordDescriptor;

        @Option(
                names = "--password-credential",
                paramLabel = "ID",
                description = "Read it from a systemd credential. Without any of these it is asked for.")
        private @Nullable String passwordCredential;

        @Option(names = "--prefix", paramLabel = "TEXT", description = "Put this before each name.")
        private String prefix = "";

        @Option(names = "--force", description = "Replace values that are stored already.")
        private boolean force;

        private SecretBuffer password() {
            return SecretInput.of(
                            passwordFile,
                            passwordDescriptor,
                            passwordCredential,
                            "--password",
                            "MEMGUARD_IMPORT_PASSWORD_FILE")
                    .source()
                    .orElseGet(() -> SecretSources.terminal("password of the file: "))
                    .read();
        }
    }

    @Command(
            name = "jasypt",
            description = {
                "Each key=ENC(...) of a property file becomes a secret of the name of its key. Salt and IV have to be",
                "random, as they are unless jasypt is told otherwise."
            })
    int jasypt(
            @Mixin Options options,
            @Option(
                            names = "--algorithm",
                            paramLabel = "NAME",
                            defaultValue = JasyptProperties.DEFAULT_ALGORITHM,
                            description =
                                    "As jasypt was told; else ${DEFAULT-VALUE}. Before version 3 of jasypt-spring-boot it was PBEWithMD5AndDES.")
                    String algorithm,
            @Option(
                            names = "--iterations",
                            paramLabel = "N",
                            defaultValue = "" + JasyptProperties.DEFAULT_ITERATIONS,
                            description = "As jasypt was told; else ${DEFAULT-VALUE}.")
                    int iterations)
            throws IOException {
        try (var password = options.password()) {
            var properties = JasyptProperties.read(read(options.file), password, algorithm, iterations);
            return store(options, properties.entries(), properties.others() + " properties are not encrypted");
        }
    }

    @Command(
            name = "pkcs12",
            description = {
                "Each key becomes a secret of the name of its alias: a secret key or a password as its bytes, a private key",
                "as PKCS #8 (DER). Certificates are left out."
            })
    int pkcs12(@Mixin Options options) throws IOException {
        try (var password = options.password()) {
            var keys = Pkcs12Entries.read(read(options.file), password);
            return store(options, keys.entries(), keys.others() + " certificates are left out");
        }
    }

    private static byte[] read(Path file) throws IOException {
        try {
            return UserFile.read(file, LARGEST_FILE);
        } catch (java.nio.file.FileSystemException e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private int store(Options options, List<Entry> entries, String others) throws IOException {
        if (entries.isEmpty()) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "nothing to import: " + others);
        }
        for (Entry entry : entries) {
            Arrays.fill(entry.value(), (byte) 0); // Whether all of them open.
        }
        try (MemGuard guard = main.store().open(OpenMode.EXISTING)) {
            long known = entries.stream()
                    .filter(entry -> guard.contains(options.prefix + entry.name()))
                    .count();
            if (known > 0 && !options.force) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS,
                        known + " of " + entries.size()
                                + " names are stored already; nothing was imported; give --force to replace them, or --prefix");
            }
            for (Entry entry : entries) {
                try (var value = SecretBuffer.consume(entry.value())) {
                    guard.store(options.prefix + entry.name(), value);
                }
            }
        }
        int names = new HashSet<>(entries.stream().map(Entry::name).toList()).size();
        System.err.println("memguard: imported " + names + "; " + others);
        return 0;
    }
}
