package io.memguard.guides;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** The documents of the project: those in the top folder, and all below docs. */
final class Documents {
    private Documents() {}

    static Set<String> all() throws IOException {
        var documents = new TreeSet<String>();
        add(documents, Path.of(""), 1);
        add(documents, Path.of("docs"), Integer.MAX_VALUE);
        return documents;
    }

    private static void add(Set<String> documents, Path folder, int depth) throws IOException {
        try (var files = Files.walk(folder, depth)) {
            files.map(Path::toString).filter(file -> file.endsWith(".md")).forEach(documents::add);
        }
    }
}
