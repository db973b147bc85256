package io.memguard.keylife;

import static io.memguard.keylife.Stores.*;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Stores that the version of commit c589783 has written, before the protocol of docs/KEY-LIFECYCLE.md: settled, in the middle of a
 * rotation and of a change to another passphrase (half of the files are under each key), and with an old key that is left.
 */
class EarlierStoresTest {
    @TempDir
    Path directory;

    private void unpack(String name) throws Exception {
        Path folder = directory.resolve("memguard_secure");
        Files.createDirectory(
                folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try (var resource = getClass().getResourceAsStream("/earlier-stores/" + name + ".zip");
                var zip = new ZipInputStream(Objects.requireNonNull(resource, name))) {
            for (var entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = folder.resolve(entry.getName());
                Files.write(file, zip.readAllBytes());
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
            }
        }
    }

    private void assertHolds(String passphrase, int count) {
        try (var guard = MemGuard.at(directory)
                .keys(software(passphrase))
                .mode(OpenMode.EXISTING)
                .open()) {
            for (int i = 0; i < count; i++) {
                assertEquals("value " + i, guard.<String, RuntimeException>read("name " + i, Secrets::text));
            }
            assertEquals(count, guard.list().size());
            assertEquals(count, guard.stats().itemsCount());
        }
    }

    private void rotate(String passphrase) {
        try (var guard = open(directory, software(passphrase))) {
            guard.rotate(SILENT);
        }
    }

    /** One key, and no trace of another; the next one's folder is in the metadata. */
    private void assertUpToDate(String passphrase, int count) throws Exception {
        assertOneKey();
        rotate(passphrase);
        assertHolds(passphrase, count);
        assertOneKey();
        assertTrue(metadata(directory).contains("\nfolder: "), "the folder");
    }

    private void assertOneKey() throws Exception {
        assertEquals(1, containers(directory.resolve("memguard_secure")).size());
        String metadata = metadata(directory);
        assertFalse(metadata.contains("\nnext-") || metadata.contains("\nold-"), metadata);
    }

    @ParameterizedTest
    @CsvSource({"settled, 3", "old, 3", "rotating, 20"})
    void aStoreOpensAndARotationBringsItUpToDate(String name, int count) throws Exception {
        unpack(name);
        assertHolds("one", count);
        rotate("one");
        assertHolds("one", count);
        assertUpToDate("one", count);
    }

    @ParameterizedTest
    @CsvSource({"settled, 3", "old, 3", "rotating, 20", "rekeying, 20"})
    void aStoreSwitchesToAnotherPassphrase(String name, int count) throws Exception {
        unpack(name);
        try (var guard = open(directory, software("one"))) {
            guard.rekey(software("two"), SILENT);
        }
        assertHolds("two", count);
        assertRefused(directory, () -> software("one"));
        assertUpToDate("two", count);
    }

    @Test
    void aChangeThatWasInterruptedIsGivenUp() throws Exception {
        unpack("rekeying");
        assertHolds("one", 20);
        try (var guard = open(directory, software("one"))) {
            guard.abortRekey(SILENT);
        }
        assertHolds("one", 20);
        assertUpToDate("one", 20);
    }
}
