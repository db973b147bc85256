package io.memguard.process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The libraries of {@code src/test/native} that stand between a child and the C library. */
public final class Preload {
    private Preload() {}

    /** The built library, for LD_PRELOAD. */
    public static synchronized Path built(String name) throws IOException, InterruptedException {
        Path source = Path.of("src", "test", "native", name + ".c");
        Path built = Path.of("target", name + ".so").toAbsolutePath();
        if (!Files.exists(built) || Files.getLastModifiedTime(built).compareTo(Files.getLastModifiedTime(source)) < 0) {
            Path fresh = Path.of("target", name + ".so.new").toAbsolutePath();
            var compiler = new ProcessBuilder(
                            "cc",
                            "-O1",
                            "-Wall",
                            "-Wextra",
                            "-Werror",
                            "-shared",
                            "-fPIC",
                            "-o",
                            fresh.toString(),
                            source.toString())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (compiler.waitFor() != 0) {
                throw new AssertionError(said);
            }
            Files.move(fresh, built, StandardCopyOption.ATOMIC_MOVE);
        }
        return built;
    }
}
