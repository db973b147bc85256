package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventsTest {
    @TempDir
    Path directory;

    @Test
    void everyEventIsRecordedAndNoneNamesASecret() throws Exception {
        Path file = directory.resolve("events.jfr");
        try (var recording = new Recording()) {
            for (String name :
                    new String[] {"Store", "Hydrate", "DirectAccess", "RateLimited", "KeyInvalid", "MemoryLimit"}) {
                recording.enable("io.memguard." + name);
            }
            recording.start();
            Path store = directory.resolve("store");
            try (var guard = MemGuard.at(store).keys(new FixedKeys(1)).open();
                    var value = Secrets.text("canary-value")) {
                guard.store("canary-name", value);
                guard.cleanupMemory();
                assertTrue(guard.secret("canary-name").isPresent());
                for (int i = 0; i < 5; i++) {
                    guard.retrieveDirect("canary-name");
                }
                assertThrows(MemGuardException.class, () -> guard.retrieveDirect("canary-name"));
            }
            assertThrows(
                    MemGuardException.class,
                    () -> MemGuard.at(store).keys(new FixedKeys(2)).open());
            // More than the address space can have.
            assertThrows(MemGuardException.class, EventsTest::exhaust);
            recording.dump(file);
        }
        Set<String> names = new TreeSet<>();
        for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
            if (event.getEventType().getName().startsWith("io.memguard.")) {
                names.add(event.getEventType().getName());
                assertFalse(event.toString().contains("canary"), event.toString());
            }
        }
        assertEquals(
                Set.of(
                        "io.memguard.Store",
                        "io.memguard.Hydrate",
                        "io.memguard.DirectAccess",
                        "io.memguard.RateLimited",
                        "io.memguard.KeyInvalid",
                        "io.memguard.MemoryLimit"),
                names);
        String raw = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        assertFalse(raw.contains("canary-name") || raw.contains("canary-value"));
    }

    /** Locks until there is no more, and gives it all back. */
    private static void exhaust() {
        var held = new java.util.ArrayList<SecretBuffer>();
        try {
            for (int i = 0; i < 100_000; i++) {
                held.add(SecretBuffer.allocate(1)); // vm.max_map_count, if not RLIMIT_MEMLOCK
            }
        } finally {
            held.forEach(SecretBuffer::close);
        }
    }
}
