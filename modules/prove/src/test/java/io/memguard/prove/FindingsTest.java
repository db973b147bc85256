package io.memguard.prove;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.memguard.Secrets;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FindingsTest {
    private static final int LOOKS = 2000;
    private static final int APART = 12;

    @TempDir
    Path folder = Path.of("");

    @Test
    void aFileThatVanishesWhileItIsLookedForIsNoError() throws Exception {
        var canaries = new Canaries();
        Files.write(folder.resolve("stays"), canaries.get("value", 32));
        var matcher = canaries.matcher();
        var ended = new AtomicBoolean();
        Thread writer = Thread.ofPlatform().start(() -> comeAndGo(ended));
        try {
            for (int i = 0; i < LOOKS; i++) {
                var findings = new Findings(matcher).addFiles(folder);
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

    /** At the borders of what is read at once, of what a processor gets of it, and of what is looked up together. */
    @Test
    void aPieceOfEightBytesIsFoundWhereverItLies() throws Exception {
        var canaries = new Canaries();
        var random = new SplittableRandom(Secrets.seed());
        byte[] secret = new byte[32];
        random.nextBytes(secret);
        for (int i = 0; i < secret.length; i += 4) {
            secret[i] = 0; // What begins with zeros may lie behind zeros.
        }
        canaries.put("value", Canary.Kind.SECRET, secret);
        int size = (5 << 19) + random.nextInt(1000);
        for (int shift = 0; shift < APART; shift++) {
            for (boolean isEmpty : new boolean[] {true, false}) {
                byte[] memory = new byte[size];
                if (!isEmpty) {
                    random.nextBytes(memory);
                }
                var places = new TreeSet<Integer>();
                for (int border = 0; border < size; border += (1 << 14) - 1) {
                    for (int at = Math.max(0, border - 2 * APART); at < border + 2 * APART; at += APART) {
                        places.add(at + shift);
                    }
                }
                places.add(size - Long.BYTES);
                for (int place : places) {
                    int from = 1 + random.nextInt(secret.length - Long.BYTES - 1);
                    System.arraycopy(secret, from, memory, place, Long.BYTES);
                    // No ninth byte by chance.
                    if (place > 0 && memory[place - 1] == secret[from - 1]) {
                        memory[place - 1] ^= 1;
                    }
                    int behind = place + Long.BYTES;
                    if (behind < size && memory[behind] == secret[from + Long.BYTES]) {
                        memory[behind] ^= 1;
                    }
                }
                var findings = new Findings(canaries.matcher())
                        .add(new ByteArrayInputStream(memory), Findings.Protection.NONE, Long::toString);
                var matches = findings.of(Canary.Kind.SECRET, Findings.Protection.NONE);
                assertEquals(1, matches.size());
                assertEquals(places.size(), matches.getFirst().windows(), "shift " + shift);
                assertEquals(size, findings.bytes());
            }
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
