package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.doctor.Doctor;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A thread whose interrupt flag is set, as a server's is that stops: every call works as in any other, and leaves it set. */
class InterruptedTest {
    @TempDir
    Path directory = Path.of("");

    @AfterEach
    void clear() {
        Thread.interrupted();
    }

    private static KeyProvider software() {
        return SoftwareKeys.passphrase(SecretSources.buffer(Secrets.text("correct horse battery staple")));
    }

    private static void interrupted(Runnable call) {
        Thread.currentThread().interrupt();
        call.run();
        assertTrue(Thread.currentThread().isInterrupted(), "the interrupt is lost");
    }

    private static String read(MemGuard guard, String name) {
        return guard.<String, RuntimeException>read(name, Secrets::text);
    }

    private static void everyCall(MemGuard guard) {
        try (var value = Secrets.text("value")) {
            interrupted(() -> guard.store("a", value));
            interrupted(() -> guard.storeAll(Map.of("b", value, "c", value)));
            interrupted(() -> guard.storeEphemeral("d", value, Duration.ofMinutes(1)));
        }
        interrupted(() -> assertEquals("value", read(guard, "a")));
        interrupted(guard::cleanupMemory);
        interrupted(() -> assertEquals("value", read(guard, "b")));
        interrupted(() -> assertTrue(guard.contains("c")));
        interrupted(() -> assertEquals(List.of("a", "b", "c"), guard.list()));
        interrupted(() -> assertEquals(3, guard.stats().itemsCount()));
        interrupted(() -> assertTrue(guard.retrieveDirect("a").isPresent()));
        interrupted(() -> guard.rotate((done, all) -> {}));
        interrupted(guard::cleanupMemory);
        interrupted(() -> assertEquals("value", read(guard, "a")));
        interrupted(() -> assertTrue(guard.delete("a")));
    }

    @Test
    void everyCallWorks() {
        interrupted(() -> MemGuard.at(directory)
                .mode(OpenMode.CREATE)
                .keys(software())
                .open()
                .close());
        interrupted(() -> {
            try (var guard = MemGuard.at(directory).keys(software()).open();
                    var other = MemGuard.at(directory).keys(software()).open()) {
                everyCall(guard);
                // The key has changed: this reads metadata and keystore again.
                try (var value = Secrets.text("of the other")) {
                    interrupted(() -> other.store("e", value));
                }
                interrupted(() -> assertEquals("of the other", read(guard, "e")));
                interrupted(() -> other.rekey(software(), (done, all) -> {}));
                interrupted(() -> assertEquals("of the other", read(guard, "e")));
                interrupted(guard::cleanupAll);
            }
        });
        interrupted(() -> assertFalse(
                Doctor.store(directory, new FixedKeys(1), Optional.empty()).isEmpty()));
    }

    @Test
    void aJvmThatIsInterruptedBeforeItsFirstCallWorks() throws Exception {
        try (var child = ChildJvm.start(First.class, List.of(), List.of(directory.toString()))) {
            child.expect("value");
            assertEquals(0, child.exitCode());
        }
    }

    /** Loads the native libraries and all else in an interrupted thread. */
    static final class First {
        private First() {}

        public static void main(String[] arguments) {
            Thread.currentThread().interrupt();
            try (var guard = MemGuard.at(Path.of(arguments[0])).keys(software()).open();
                    var value = Secrets.text("value")) {
                guard.store("a", value);
                guard.cleanupMemory();
                System.out.println(read(guard, "a"));
            }
        }
    }
}
