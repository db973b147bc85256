package io.memguard.doctor;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/** In memory, where a secret comes and goes in microseconds: on a disk nobody deletes one just while it is looked at. */
class VerificationTest {
    private static final int RUNS = 1000;

    @TempDir(factory = InMemory.class)
    Path directory;

    private static final class InMemory implements TempDirFactory {
        @Override
        public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context) throws IOException {
            return Files.createTempDirectory(Path.of("/dev/shm"), "memguard-verification");
        }
    }

    @Test
    void whatOthersStoreReplaceAndDeleteMeanwhileIsNoProblem() throws Exception {
        var done = new AtomicBoolean();
        try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                var threads = Executors.newCachedThreadPool()) {
            Future<?> writing = threads.submit(() -> {
                while (!done.get()) {
                    for (String name : List.of("a", "b", "c")) {
                        store(guard, name);
                        store(guard, name);
                        guard.delete(name);
                    }
                }
            });
            try {
                for (int run = 0; run < RUNS; run++) {
                    for (Finding finding : Doctor.store(directory, new FixedKeys(1), Optional.of((files, all) -> {}))) {
                        assertEquals(Finding.Level.OK, finding.level(), "run " + run + ": " + finding);
                    }
                }
            } finally {
                done.set(true);
            }
            writing.get();
        }
    }

    private static void store(MemGuard guard, String name) {
        try (var value = Secrets.text("value of " + name)) {
            guard.store(name, value);
        }
    }
}
