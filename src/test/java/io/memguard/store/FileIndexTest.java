package io.memguard.store;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileIndexTest {
    @TempDir
    Path parent;

    @Test
    void allFilesOfSecretsAreThereInTheOrderOfTheirNamesAndNoOthers() throws IOException {
        try (var directory = StoreDirectory.create(parent, StoreAccess.USUAL)) {
            var expected = new TreeSet<String>();
            for (int i = 0; i < 1500; i++) {
                String hex = SecretName.of("name " + i % 1000).hex();
                expected.add(StoreLayout.file(i % 3 == 0 ? "0000" + hex.substring(4) : hex, i >= 1000 || i % 2 == 0));
            }
            var others = List.of("store.meta", ".tmp_0000_00", "mg_00.dat", "mg_" + "0".repeat(64) + ".dot");
            for (var names : List.of(expected, others)) {
                for (String file : names) {
                    Files.createFile(directory.layout().workingPath().resolve(file));
                }
            }
            try (var index = FileIndex.of(directory, file -> true);
                    var values = FileIndex.of(directory, StoreLayout::isValue)) {
                assertEquals(List.copyOf(expected), listOf(index));
                assertEquals(expected.size(), index.size());
                assertEquals(expected.stream().filter(StoreLayout::isValue).toList(), listOf(values));
            }
        }
    }

    private static List<String> listOf(FileIndex index) {
        var files = new ArrayList<String>();
        index.forEach(files::add);
        return files;
    }
}
