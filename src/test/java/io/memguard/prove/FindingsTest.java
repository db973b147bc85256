package io.memguard.prove;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FindingsTest {
    private static final int LOOKS = 2000;

    @TempDir
    Path folder = Path.of("");

    @Test
    void aFileThatVanishesWhileItIsLookedForIsNoError() throws Exception {
        var canaries = new Canaries();
        Files.write(folder.resolve("stays"), canaries.get("value", 32));
        var needles = canaries.needles();
        var ended = new AtomicBoolean();
        Thread writer = Thread.ofPlatform().start(() -> comeAndGo(ended));
        try {
            for (int i = 0; i < LOOKS; i++) {
                var findings = new Findings(needles).addFiles(folder);
                assertEquals(
                        1,
                        findings.of(Canary.Kind.SECRET, Findings.Protection.NONE)
                                .size());
            }
        } finally {
            ended.set(true);
            writer.join();
        }
    }

    private void comeAndGo(AtomicBoolean ended) {
        try {
            while (!ended.get()) {
                Path made = Files.createDirectory(folder.resolve("comes"));
                Path file = Files.createFile(made.resolve("and goes"));
                Files.delete(file);
                Files.delete(made);
            }
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
