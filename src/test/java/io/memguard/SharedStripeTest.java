package io.memguard;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.store.SecretName;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names share 65,536 counters: a change of one seems to be a change of others. */
class SharedStripeTest {
    private static final int LONG = 1 << 20;
    private static final long SETTLED = 3100; // milliseconds; before, a file might be mistaken for the next one

    @TempDir
    Path directory;

    private String name = "";
    private String neighbour = "";

    @BeforeEach
    void findNeighbours() {
        Map<Integer, String> known = new HashMap<>();
        for (int i = 0; neighbour.isEmpty(); i++) {
            String next = "name " + i;
            String other = known.put(SecretName.of(next).stripe(), next);
            if (other != null) {
                name = other;
                neighbour = next;
            }
        }
    }

    private MemGuard open() {
        return MemGuard.at(directory).keys(new FixedKeys(1)).open();
    }

    private static void store(MemGuard guard, String name, int size, long seed) {
        try (var value = Secrets.random(size, seed)) {
            guard.store(name, value);
        }
    }

    private static boolean has(MemGuard guard, String name, long seed) {
        return guard.<Boolean, RuntimeException>read(name, value -> Secrets.matches(value, seed));
    }

    @Test
    void aLongValueIsNotDecryptedAgainWhereOnlyItsNeighbourChanged() throws Exception {
        try (var writer = open();
                var reader = open()) {
            store(writer, name, LONG, 1);
            Thread.sleep(SETTLED);
            assertTrue(has(reader, name, 1));
            try (var recording = new Recording()) {
                recording.enable("io.memguard.Hydrate").withoutThreshold();
                recording.start();
                for (int i = 0; i < 5; i++) {
                    store(writer, neighbour, 10, 3 + i);
                    assertTrue(has(reader, name, 1));
                    assertTrue(has(reader, neighbour, 3 + i)); // a short one: read each time
                }
                recording.stop();
                Path file = directory.resolve("recording.jfr");
                recording.dump(file);
                assertEquals(
                        5,
                        RecordingFile.readAllEvents(file).stream()
                                .filter(event -> event.getEventType().getName().equals("io.memguard.Hydrate"))
                                .count());
            }
        }
    }

    @Test
    void aLongValueThatChangedTogetherWithItsNeighbourIsReadAgain() throws Exception {
        try (var writer = open();
                var reader = open()) {
            for (int i = 0; i < 5; i++) {
                store(writer, name, LONG, i);
                store(writer, neighbour, 10, i);
                assertTrue(has(reader, name, i));
                store(writer, neighbour, 10, i);
                assertTrue(has(reader, name, i));
            }
            Thread.sleep(SETTLED);
            store(writer, neighbour, 10, 5);
            assertTrue(has(reader, name, 4));
            store(writer, name, LONG, 6);
            store(writer, neighbour, 10, 6);
            assertTrue(has(reader, name, 6));
        }
    }

    @Test
    void aLongValueThatWasDeletedIsGone() throws Exception {
        try (var writer = open();
                var reader = open()) {
            store(writer, name, LONG, 1);
            Thread.sleep(SETTLED);
            assertTrue(has(reader, name, 1));
            store(writer, neighbour, 10, 1);
            assertTrue(has(reader, name, 1));
            writer.delete(name);
            var gone = assertThrows(MemGuardException.class, () -> has(reader, name, 1));
            assertEquals(ErrorCode.RETRIEVE_FAILED, gone.code());
        }
    }
}
