package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A backup that is put in place while services have the store open: within a second each reads what is there, or says that it
 * has to be opened again; and what it acknowledges from then on is there for a new opening.
 */
class RestoreTest {
    private static final String IN_PLACE = "cp -a backup/. store/memguard_secure/";
    private static final String NEW_FILES = "cp -a --remove-destination backup/. store/memguard_secure/";
    private static final String TAR = "tar -C backup -cf - . | tar -C store/memguard_secure -xf -";
    private static final String
            RSYNC = // As rsync -a does: what has the same size and time stays, the rest is renamed into place.
            "cd backup && for f in *; do cmp -s $f ../store/memguard_secure/$f"
                            + " || { cp -a $f ../store/memguard_secure/.$f.tmp"
                            + " && mv ../store/memguard_secure/.$f.tmp ../store/memguard_secure/$f; }; done";
    private static final String VALUES_ONLY = "cp -a --remove-destination backup/mg_* store/memguard_secure/";
    private static final String SWAPPED = "mv store/memguard_secure aside && cp -a backup store/memguard_secure";

    /** Two looks a half second apart, and the time of a busy machine. */
    private static final long BOUND = 1000;

    @TempDir
    Path place = Path.of("");

    private MemGuard open() {
        var passphrase = SecretSources.buffer(Secrets.text("correct horse battery staple"));
        return MemGuard.at(place.resolve("store"))
                .keys(SoftwareKeys.passphrase(passphrase))
                .open();
    }

    private void run(String command) throws Exception {
        var process = new ProcessBuilder("sh", "-ec", command)
                .directory(place.toFile())
                .inheritIO()
                .start();
        assertEquals(0, process.waitFor(), command);
    }

    private static void store(MemGuard guard, String value) {
        try (var buffer = Secrets.text(value)) {
            guard.store("a", buffer);
        }
    }

    /** The value, or that the store has to be opened again. */
    private static String read(MemGuard guard) {
        try {
            return guard.<String, RuntimeException>read("a", Secrets::text);
        } catch (MemGuardException e) {
            assertTrue(e.getMessage().contains("open it again"), e.getMessage());
            return "open it again";
        }
    }

    /** What is read when the bound is over, with nothing but reads before. */
    private static List<String> afterTheBound(MemGuard... guards) throws InterruptedException {
        long end = System.nanoTime() + BOUND * 1_000_000;
        while (System.nanoTime() < end) {
            for (var guard : guards) {
                read(guard);
            }
            Thread.sleep(5);
        }
        return java.util.Arrays.stream(guards).map(RestoreTest::read).toList();
    }

    private void assertServed(MemGuard guard, String read, String expected) {
        assertTrue(read.equals(expected) || read.equals("open it again"), read);
        if (read.equals(expected)) {
            store(guard, "acknowledged after it");
            try (var anew = open()) {
                assertEquals("acknowledged after it", read(anew));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {IN_PLACE, NEW_FILES, TAR, RSYNC, VALUES_ONLY, SWAPPED})
    void noServiceGoesOnWithWhatWasThereBeforeARestore(String restore) throws Exception {
        try (var reader = open();
                var writer = open()) {
            store(writer, "of the backup");
            assertEquals("of the backup", read(reader));
            run("cp -a store/memguard_secure backup");
            store(writer, "newer");
            store(writer, "newest");
            assertEquals("newest", read(reader));
            run(restore);
            var read = afterTheBound(reader, writer);
            assertServed(reader, read.get(0), "of the backup");
            try (var anew = open()) {
                String now = read(anew);
                assertServed(writer, afterTheBound(writer).getFirst(), now);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {IN_PLACE, NEW_FILES, TAR, RSYNC, SWAPPED})
    void whatIsStoredAfterTheBackupOfAnOlderKeyIsUnderThatKey(String restore) throws Exception {
        try (var reader = open();
                var writer = open()) {
            store(writer, "of the backup");
            run("cp -a store/memguard_secure backup");
            writer.rotate((done, all) -> {});
            store(writer, "newest");
            assertEquals("newest", read(reader));
            run(restore);
            var read = afterTheBound(reader, writer);
            assertServed(reader, read.get(0), "of the backup");
            try (var anew = open()) {
                String now = read(anew);
                assertServed(writer, afterTheBound(writer).getFirst(), now);
            }
        }
    }

    @Test
    void countersThatAreDeletedOrSetBackHideNoChange() throws Exception {
        try (var reader = open();
                var writer = open()) {
            store(writer, "first");
            assertEquals("first", read(reader));
            run("cp store/memguard_secure/store.generations set-back");
            store(writer, "second");
            assertEquals("second", read(reader));
            run("cp set-back store/memguard_secure/store.generations");
            store(writer, "third"); // Raises the counter to the number of the second.
            assertEquals(List.of("third"), afterTheBound(reader));
            run("rm store/memguard_secure/store.generations store/memguard_secure/store.totals");
            try (var anew = open()) {
                store(anew, "by another file");
                assertEquals(List.of("by another file", "by another file"), afterTheBound(reader, writer));
                store(reader, "by both");
                assertEquals("by both", read(anew));
                assertEquals(1, anew.stats().itemsCount());
                assertEquals(1, reader.stats().itemsCount());
            }
        }
    }
}
