package io.memguard.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The inputs that a fuzzer begins with: one folder each; {@code good-*} has to be taken, {@code bad-*} refused. */
public final class Seeds {
    /** Of the project that is tested; surefire names its folder. */
    private static final Path ALL = Path.of(System.getProperty("basedir", ""), "src", "test", "resources", "fuzz")
            .toAbsolutePath();

    private Seeds() {}

    /** Where they lie; under the build's folder, wherever the fuzzer runs. */
    static Path folder(Class<?> fuzzer) {
        return Path.of(System.getProperty("seeds", ALL.toString())).resolve(fuzzer.getSimpleName());
    }

    /** What is taken. */
    public static Stream<byte[]> good(Class<?> fuzzer) {
        return files(fuzzer).stream()
                .filter(file -> file.getFileName().toString().startsWith("good-"))
                .map(Seeds::read);
    }

    static List<Path> files(Class<?> fuzzer) {
        try (var files = Files.list(folder(fuzzer))) {
            return files.sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
