package io.memguard.soak;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;

/**
 * Each command on a store of many names, or of a large value, in a JVM as the launcher starts it but for its heap. Prints how
 * long each took.
 *
 * <p>Arguments: {@code names}, a directory, how many; or {@code value}, a directory, its length; then the heap, such as
 * {@code 64m}.
 */
public final class SizeCommands {
    private static final int GROUP = 2000;

    private final Path work;
    private final Path store;
    private final String heap;

    private SizeCommands(Path work, String heap) {
        this.work = work;
        this.store = work.resolve("store");
        this.heap = heap;
    }

    /** Runs all. */
    public static void main(String[] arguments) throws Exception {
        Path work = Files.createTempDirectory(Path.of(arguments[1]), "memguard-commands");
        try {
            var commands = new SizeCommands(work, arguments[3]);
            commands.passphrase("old");
            commands.passphrase("new");
            if (arguments[0].equals("names")) {
                commands.names(Integer.parseInt(arguments[2]));
            } else {
                commands.value(Long.parseLong(arguments[2]));
            }
        } finally {
            new ProcessBuilder("rm", "-rf", work.toString()).start().waitFor();
        }
        System.out.println("done");
    }

    private Path passphrase(String name) throws IOException {
        Path file = work.resolve(name);
        Files.writeString(file, "the " + name + " passphrase\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    private void names(int count) throws Exception {
        try (var guard = MemGuard.at(store)
                        .keys(SoftwareKeys.passphrase(SecretSources.file(work.resolve("old"))))
                        .open();
                var value = SecretBuffer.allocate(32)) {
            for (int i = 0; i < count; i += GROUP) {
                var group = new LinkedHashMap<String, SecretBuffer>();
                for (int n = i; n < Math.min(count, i + GROUP); n++) {
                    group.put(String.format(Locale.ROOT, "service-%04d/database/password/%07d", n % 1000, n), value);
                }
                guard.storeAll(group);
                guard.cleanupMemory();
            }
        }
        long lines = lines(run("old", "list"));
        require(lines == count, "list shows " + lines);
        require(Files.readString(run("old", "list", "--json")).length() > 40L * count, "list --json");
        require(Files.readString(run("old", "stats", "--json")).contains(Integer.toString(count)), "stats");
        run("old", "contains", "service-0000/database/password/0000000");
        run("old", "doctor", "--verify");
        run("old", "rotate");
        run(
                "old",
                "rekey",
                "--to",
                "software",
                "--new-passphrase-file",
                work.resolve("new").toString());
        run("new", "retrieve", "service-0000/database/password/0000000");
        run("new", "cleanup", "--yes");
    }

    private void value(long length) throws Exception {
        Path value = work.resolve("value");
        try (var file = new RandomAccessFile(value.toFile(), "rw")) {
            file.setLength(length);
            file.seek(length - 1);
            file.write(1);
        }
        run("old", "init");
        run("old", "store", "name", "--file", value.toString());
        retrieve("old", value);
        run("old", "doctor", "--verify");
        run("old", "rotate");
        run(
                "old",
                "rekey",
                "--to",
                "software",
                "--new-passphrase-file",
                work.resolve("new").toString());
        retrieve("new", value);
        run("new", "cleanup", "--yes");
    }

    private void retrieve(String passphrase, Path value) throws Exception {
        Path output = work.resolve("output");
        run(passphrase, "retrieve", "name", "--output", output.toString());
        require(Files.mismatch(value, output) == -1, "retrieve");
        Files.delete(output);
    }

    private Path run(String passphrase, String... arguments) throws Exception {
        Path out = work.resolve("out");
        var command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap,
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "io.memguard.cli.Main"));
        command.addAll(List.of(arguments));
        command.addAll(List.of(
                "--dir",
                store.toString(),
                "--passphrase-file",
                work.resolve(passphrase).toString()));
        long begin = System.nanoTime();
        int status = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
                .waitFor();
        require(status == 0, arguments[0] + " ended with " + status);
        System.out.printf(Locale.ROOT, "command.%s %.2f s%n", arguments[0], (System.nanoTime() - begin) / 1e9);
        return out;
    }

    private static long lines(Path file) throws IOException {
        try (var lines = Files.lines(file)) {
            return lines.count();
        }
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }
}
