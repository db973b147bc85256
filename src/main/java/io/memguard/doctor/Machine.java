package io.memguard.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What the kernel tells in its files, below a root: {@code /}, or another machine's files in a test. */
record Machine(Path root) {
    /** The lines of a file; nothing where it is not there or may not be read. */
    Optional<List<String>> lines(String file) {
        try {
            return Optional.of(Files.readAllLines(root.resolve(file), StandardCharsets.UTF_8));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** The first line. */
    Optional<String> line(String file) {
        return lines(file).flatMap(lines -> lines.stream().findFirst());
    }

    /** A number in a file of its own. */
    Optional<Long> number(String file) {
        return line(file).map(text -> Long.valueOf(text.strip()));
    }
}
