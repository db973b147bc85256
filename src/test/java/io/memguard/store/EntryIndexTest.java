package io.memguard.store;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.storage.EntryId;
import io.memguard.storage.directory.DirectoryStorageProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EntryIndexTest {
    @TempDir
    Path parent;

    @Test
    void allFilesOfSecretsAreThereInTheOrderOfTheirNamesAndNoOthers() throws IOException {
        try (var storage = new DirectoryStorageProvider(parent).create()) {
            var expected = new TreeSet<String>();
            for (int i = 0; i < 1500; i++) {
                String hex = SecretName.of("name " + i % 1000).hex();
                String hash = i % 3 == 0 ? "0000" + hex.substring(4) : hex;
                expected.add("mg_" + hash + (i >= 1000 || i % 2 == 0 ? ".dat" : ".name"));
            }
            var others = List.of("store.meta", ".tmp_0000_00", "mg_00.dat", "mg_" + "0".repeat(64) + ".dot");
            for (var names : List.of(expected, others)) {
                for (String file : names) {
                    Files.createFile(parent.resolve("memguard_secure").resolve(file));
                }
            }
            try (var index = EntryIndex.of(storage, id -> true);
                    var values = EntryIndex.of(storage, EntryId::isValue)) {
                assertEquals(List.copyOf(expected), listOf(index));
                assertEquals(expected.size(), index.size());
                assertEquals(
                        expected.stream().filter(file -> file.endsWith(".dat")).toList(), listOf(values));
            }
        }
    }

    private static List<String> listOf(EntryIndex index) {
        var files = new ArrayList<String>();
        index.forEach(id -> files.add("mg_" + id.hex() + (id.isValue() ? ".dat" : ".name")));
        return files;
    }
}
