package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The key changes while other processes read and write, the process that changes it is killed again and again, and the
 * directory is copied meanwhile. {@code -Drotation.secrets=100000} for more.
 */
class RotationLoadTest {
    private static final int SECRETS = Integer.getInteger("rotation.secrets", 1_000);
    private static final int KILLS = 3;

    @TempDir
    Path work = Path.of("");

    private final List<Path> copies = new ArrayList<>();

    private Path store() {
        return work.resolve("store");
    }

    @Test
    void killedAndCopiedInItsMidstARotationLosesNothingAndEnds() throws Exception {
        var random = new SplittableRandom(Secrets.seed());
        try (var guard = RotationLoad.open(store())) {
            RotationLoad.fill(guard, SECRETS);
        }
        try (var user =
                ChildJvm.start(RotationLoad.class, List.of(), List.of(store().toString(), Integer.toString(SECRETS)))) {
            user.expect("open");
            for (int kill = 1; kill <= KILLS; kill++) {
                rotateUpTo(2L * SECRETS * kill / (KILLS + 1) - random.nextInt(SECRETS / 4));
                copy("after kill " + kill);
            }
            long start = System.nanoTime();
            rotateUpTo(Long.MAX_VALUE);
            System.out.printf(
                    "the last of %d attempts took %d s%n", KILLS + 1, (System.nanoTime() - start) / 1_000_000_000);
            user.send("end");
            String said = user.rest();
            assertTrue(said.matches("uses [1-9][0-9]*\\n"), said);
            System.out.print(SECRETS + " secrets, " + copies.size() + " copies; others: " + said);
        }
        assertEquals(2 * KILLS, copies.size(), "copies within the rotation");
        copies.add(store());
        for (Path copy : copies) {
            try (var guard = RotationLoad.open(copy)) {
                for (int i = 0; i < SECRETS; i++) {
                    RotationLoad.require(guard, i);
                }
                assertEquals(SECRETS, guard.list().size());
                assertEquals(SECRETS, guard.stats().itemsCount());
            }
        }
        String metadata = Files.readString(store().resolve("memguard_secure").resolve("store.meta"));
        assertFalse(metadata.contains("next-") || metadata.contains("old-"), metadata);
        try (Stream<Path> files = Files.list(store().resolve("memguard_secure"))) {
            assertEquals(
                    1,
                    files.filter(file -> file.getFileName().toString().startsWith("keystore"))
                            .count());
        }
    }

    /** Kills it once so many files are done; it begins where the one before was, so the count goes on from the begin. */
    private void rotateUpTo(long done) throws Exception {
        try (var child = ChildJvm.start(
                RotationLoad.class, List.of(), List.of(store().toString(), "rotate", Long.toString(done)))) {
            for (@Nullable String line = child.readLine(); line != null; line = child.readLine()) {
                if (line.matches("[0-9]+ of [0-9]+") && Long.parseLong(line.split(" ", 2)[0]) >= done) {
                    copy("during " + done);
                    child.kill();
                    return;
                }
                if (line.equals("rotated")) {
                    assertEquals(Long.MAX_VALUE, done, "it ended before it was killed");
                    assertEquals(0, child.exitCode());
                    return;
                }
                assertTrue(line.matches("[0-9]+ of [0-9]+"), line);
            }
        }
        fail("it ended without a word");
    }

    /** With other processes at work on it; docs/FORMAT.md leaves out copies during which a rotation begins or ends. */
    private void copy(String name) throws Exception {
        Path copy = Files.createDirectory(
                work.resolve(name), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path folder = store().resolve("memguard_secure");
        // Its exit status is of no use: a temporary file may go before it gets to it.
        new ProcessBuilder("cp", "-a", folder.toString(), copy.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
        if (Files.readString(folder.resolve("store.meta")).contains("next-")) {
            copies.add(copy);
        }
    }
}
