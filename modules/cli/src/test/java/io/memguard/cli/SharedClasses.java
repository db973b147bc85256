package io.memguard.cli;

import io.memguard.MemGuard;
import io.memguard.prove.Prove;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The build as jars, with an archive of their classes that {@code scripts/lib/launch.sh} makes as for a package: a JVM
 * starts from it in half the time. Made once for all tests of this JVM.
 */
final class SharedClasses {
    private static final SharedClasses MADE = new SharedClasses();

    private final Path folder;
    private final String modulePath;

    private SharedClasses() {
        try {
            folder = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "shared-classes-");
            Runtime.getRuntime().addShutdownHook(new Thread(this::remove));
            modulePath = String.join(
                    ":",
                    jar("memguard", MemGuard.class),
                    jar("memguard-prove", Prove.class),
                    jar("memguard-cli", Main.class),
                    library("bcprov"),
                    library("picocli"),
                    library("snakeyaml-engine"),
                    library("jspecify"));
            run(
                    "bash",
                    "-c",
                    ". scripts/lib/launch.sh; jdk=$1; java_options \"$2\" \"$3\"; share_classes \"$4\"",
                    "bash",
                    System.getProperty("java.home"),
                    modulePath,
                    "target/classes/io/memguard/native/linux-x86_64",
                    archive().toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What has to be given to {@code java -p}. */
    static String modulePath() {
        return MADE.modulePath;
    }

    /** What {@code -XX:SharedArchiveFile} needs. */
    static Path file() {
        return MADE.archive();
    }

    private Path archive() {
        return folder.resolve("memguard.jsa");
    }

    /** Where a class is from; as a jar also where that has not been packaged. */
    private String jar(String name, Class<?> of) throws IOException, InterruptedException {
        String classes = of.getProtectionDomain().getCodeSource().getLocation().getPath();
        if (!Files.isDirectory(Path.of(classes))) {
            return classes;
        }
        String jar = folder.resolve(name + ".jar").toString();
        run("jar", "--create", "--no-compress", "--file", jar, "-C", classes, ".");
        return jar;
    }

    /** The entry of this JVM's own paths that has this in its name. */
    private static String library(String name) {
        String paths = System.getProperty("java.class.path");
        return Arrays.stream(paths.split(":"))
                .filter(entry -> entry.contains(name))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(name + " is not in " + paths));
    }

    private static void run(String tool, String... arguments) throws IOException, InterruptedException {
        Path ofJdk = Path.of(System.getProperty("java.home"), "bin", tool);
        var command = Stream.concat(Stream.of(Files.exists(ofJdk) ? ofJdk.toString() : tool), Arrays.stream(arguments))
                .toList();
        int status = new ProcessBuilder(command).inheritIO().start().waitFor();
        if (status != 0) {
            throw new IllegalStateException(tool + " failed with " + status + ": " + List.of(arguments));
        }
    }

    private void remove() {
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(java.io.File::delete);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
