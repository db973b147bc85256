package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.migration.Entry;
import io.memguard.migration.Format;
import io.memguard.migration.JasyptFile;
import io.memguard.migration.Pkcs12Entries;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.file.Path;
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
            var input = SecretInput.of(
                    passwordFile,
                    passwordDescriptor,
                    passwordCredential,
                    "--password",
                    "MEMGUARD_IMPORT_PASSWORD_FILE");
            return input.source()
                    .orElseGet(() -> input.asked("password of the file", SecretSources::terminal))
                    .read();
        }
    }

    @Command(
            name = "jasypt",
            description = {
                "Each name=ENC(...) of a property file or a YAML file becomes a secret of that name. Salt and IV have to be",
                "random, as they are unless jasypt is told otherwise."
            })
    int jasypt(
            @Mixin Options options,
            @Option(
                            names = "--algorithm",
                            paramLabel = "NAME",
                            defaultValue = JasyptFile.DEFAULT_ALGORITHM,
                            description =
                                    "As jasypt was told; else ${DEFAULT-VALUE}. Before version 3 of jasypt-spring-boot it was PBEWithMD5AndDES.")
                    String algorithm,
            @Option(
                            names = "--iterations",
                            paramLabel = "N",
                            defaultValue = "" + JasyptFile.DEFAULT_ITERATIONS,
                            description = "As jasypt was told; else ${DEFAULT-VALUE}.")
                    int iterations,
            @Option(
                            names = "--format",
                            paramLabel = "FORMAT",
                            defaultValue = "by-name",
                            description = "properties or yaml; else what the name of the file ends with.")
                    String format,
            @Option(
                            names = "--document",
                            paramLabel = "N",
                            defaultValue = "0",
                            description =
                                    "Take only this document of a file of several (--- or #---), from 1; else all.")
                    int document)
            throws IOException {
        var scheme = new JasyptFile.Scheme(algorithm, iterations);
        var source = new JasyptFile.Source(
                String.valueOf(options.file.getFileName()), read(options.file), formatOf(format), document);
        try (MemGuard guard = main.store().open(OpenMode.EXISTING);
                var password = options.password()) {
            var settings = JasyptFile.read(source, password, scheme);
            store(guard, options, settings.entries(), settings.others() + " properties are not encrypted");
            for (int line : settings.leftOut()) {
                System.err.println("memguard: left out: an ENC( in line " + line
                        + " that is not the whole of a value; jasypt would not decrypt it either");
            }
        }
        return 0;
    }

    private static Format formatOf(String text) {
        return switch (text) {
            case "by-name" -> Format.BY_NAME;
            case "properties" -> Format.PROPERTIES;
            case "yaml", "yml" -> Format.YAML;
            default -> throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "--format is properties or yaml");
        };
    }

    @Command(
            name = "pkcs12",
            description = {
                "Each key becomes a secret of its name (friendlyName, alias): a secret key or a password as its bytes, a",
                "private key as PKCS #8 (DER). Certificates are left out."
            })
    int pkcs12(@Mixin Options options) throws IOException {
        byte[] file = read(options.file);
        try (MemGuard guard = main.store().open(OpenMode.EXISTING);
                var password = options.password()) {
            var keys = Pkcs12Entries.read(file, password);
            String others = keys.certificates() + " certificates are left out";
            if (keys.revocations() > 0) {
                others += ", and " + keys.revocations() + " revocation lists";
            }
            store(guard, options, keys.entries(), others);
        }
        return 0;
    }

    private static byte[] read(Path file) throws IOException {
        try {
            return UserFile.read(file, LARGEST_FILE);
        } catch (java.nio.file.FileSystemException e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage() + "; split it, or name the right file", e);
        }
    }

    private static void store(MemGuard guard, Options options, List<Entry> entries, String others) {
        if (entries.isEmpty()) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "nothing to import: " + others);
        }
        try (var imported = new Import(guard, options.prefix, entries)) {
            imported.requireNames(options.force);
            imported.open();
            imported.store();
        }
        System.err.println("memguard: imported " + entries.size() + "; " + others);
    }
}
