package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Another user of the machine who exchanges directories and files for links, all the time, while a store is made, opened
 * and written. He must get nothing: no text, no file where he wants it, no change of what is not his.
 */
class RacesTest {
    private static final int VICTIM = 65534;
    private static final int ATTACKER = 65533;
    private static final int ROUNDS = Integer.getInteger("races.rounds", 150);

    private Path open;
    private Path treasure;

    @BeforeEach
    void place() throws IOException {
        open = Files.createTempDirectory("memguard-races");
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
        treasure = open.resolve("treasure");
    }

    @AfterEach
    void remove() throws IOException {
        try (Stream<Path> all = Files.walk(open)) {
            all.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
    }

    /** Somebody's private directory: a file, and a folder like a store's with the files that a store maps and locks. */
    private void treasureOf(int user) throws IOException {
        Path folder = Files.createDirectories(treasure.resolve("memguard_secure"));
        for (String file : List.of("../precious", "store.lock", "store.generations", "store.totals")) {
            Files.writeString(folder.resolve(file), "precious");
        }
        try (Stream<Path> all = Files.walk(treasure)) {
            for (Path file : all.toList()) {
                Files.setPosixFilePermissions(
                        file, PosixFilePermissions.fromString(Files.isDirectory(file) ? "rwx------" : "rw-------"));
                Files.setAttribute(file, "unix:uid", user);
            }
        }
    }

    /** All files below, each with owner, mode and content. */
    private static Map<String, String> state(Path directory) throws IOException {
        var state = new HashMap<String, String>();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.toList()) {
                String content = Files.isRegularFile(file)
                        ? Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1)
                        : "";
                state.put(
                        directory.relativize(file).toString(),
                        Files.getAttribute(file, "unix:uid") + " " + Files.getAttribute(file, "unix:mode") + " "
                                + content);
            }
        }
        return state;
    }

    private ChildJvm attacker(String classPath, Path place) throws IOException {
        var attacker = ChildJvm.start(
                classPath, Attacker.class, OtherUser.command(ATTACKER), List.of(place.toString(), treasure.toString()));
        attacker.expect("ready");
        return attacker;
    }

    private static long number(String line) {
        return Long.parseLong(line.substring(line.indexOf(' ') + 1));
    }

    /** The owner of the directory is the attacker; root is the one that he wants to lead astray. */
    @Test
    void rootIsNotLedAstrayByTheOwnerOfAStore() throws Exception {
        if (OtherUser.canBePlayed("races of a store's owner against root")) {
            treasureOf(0);
            Path store = Files.createDirectory(open.resolve("store"));
            Files.setAttribute(store, "unix:uid", ATTACKER);
            MemGuard.at(store).keys(new FixedKeys(1)).open().close();
            var before = state(treasure);
            try (var attacker = attacker(OtherUser.classPath(open), store)) {
                long done = 0;
                int rounds = 0;
                do { // On a busy machine one of the two may have all the time for itself.
                    done += Victim.work(store, ROUNDS);
                    rounds += ROUNDS;
                } while ((done == 0 || done == rounds) && rounds < 20 * ROUNDS);
                attacker.send("enough");
                long swaps = number(attacker.readLine());
                System.out.println(
                        "races against root: " + done + " of " + rounds + " stored, " + swaps + " exchanges");
                assertTrue(done > 0 && done < rounds && swaps > 0, done + " of " + rounds + ", " + swaps);
            }
            assertEquals(before, state(treasure));
            try (Stream<Path> all = Files.walk(store)) {
                for (Path file : all.filter(Files::isRegularFile).toList()) {
                    assertFalse(Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1)
                            .contains(Victim.TEXT));
                }
            }
        }
    }

    /** Both work in a directory like /tmp; the attacker is there first, and often. */
    @Test
    void nobodyIsLedAstrayInADirectoryOfAll() throws Exception {
        if (OtherUser.canBePlayed("races in a directory of all")) {
            treasureOf(VICTIM);
            Path shared = Files.createDirectory(open.resolve("shared"));
            Files.setAttribute(shared, "unix:mode", 01777);
            var before = state(treasure);
            String classPath = OtherUser.classPath(open);
            try (var attacker = attacker(classPath, shared.resolve("store"));
                    var victim = ChildJvm.start(
                            classPath,
                            Victim.class,
                            OtherUser.command(VICTIM),
                            List.of(shared.resolve("store").toString(), "" + ROUNDS))) {
                String line = victim.readLine();
                assertTrue(line != null && line.startsWith("stored "), line + "\n" + victim.rest());
                attacker.send("enough");
                long swaps = number(attacker.readLine());
                System.out.println(
                        "races in a directory of all: " + line + " of " + ROUNDS + ", " + swaps + " exchanges");
                assertTrue(swaps > 0, "no exchange");
            }
            assertEquals(before, state(treasure));
            // What the victim wrote is his alone, wherever it lies.
            try (Stream<Path> all = Files.walk(shared)) {
                for (Path file : all.filter(Files::isRegularFile).toList()) {
                    assertEquals(VICTIM, Files.getAttribute(file, "unix:uid"), file.toString());
                    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
                }
            }
        }
    }

    /** No race at all: the link lies there, and leads to a directory that is the victim's own. */
    @Test
    void aLinkOfAnotherUserIsNotFollowed() throws Exception {
        if (OtherUser.canBePlayed("a link of somebody else")) {
            treasureOf(VICTIM);
            Path shared = Files.createDirectory(open.resolve("shared"));
            Files.setAttribute(shared, "unix:mode", 01777);
            Path link = Files.createSymbolicLink(shared.resolve("store"), treasure);
            Files.setAttribute(link, "unix:uid", ATTACKER, java.nio.file.LinkOption.NOFOLLOW_LINKS);
            var before = state(treasure);
            try (var victim = ChildJvm.start(
                    OtherUser.classPath(open),
                    Victim.class,
                    OtherUser.command(VICTIM),
                    List.of(link.toString(), "3"))) {
                assertEquals("stored 0", victim.readLine());
            }
            assertEquals(before, state(treasure));
        }
    }

    /** Opens, stores, reads, closes; whatever is refused is an error that says so. */
    static final class Victim {
        static final String TEXT = "what the attacker wants";

        private Victim() {}

        static long work(Path directory, int rounds) {
            long done = 0;
            for (int i = 0; i < rounds; i++) {
                try (var guard = MemGuard.at(directory).keys(new FixedKeys(1)).open();
                        var value = Secrets.text(TEXT)) {
                    guard.store("secret " + i % 10, value);
                    guard.list();
                    done += TEXT.equals(guard.<String, RuntimeException>read("secret " + i % 10, Secrets::text))
                            ? 1
                            : 0;
                } catch (MemGuardException e) {
                    // Refused.
                }
            }
            return done;
        }

        public static void main(String[] arguments) {
            System.out.println("stored " + work(Path.of(arguments[0]), Integer.parseInt(arguments[1])));
        }
    }

    /** Exchanges whatever he may for links to what he wants to have opened, changed, or given to him; and back. */
    static final class Attacker {
        private Attacker() {}

        public static void main(String[] arguments) throws IOException {
            Path place = Path.of(arguments[0]);
            Path treasure = Path.of(arguments[1]);
            System.out.println("ready");
            long swaps = 0;
            while (System.in.available() == 0) {
                Path folder = place.resolve("memguard_secure");
                swaps += swap(folder, treasure.resolve("memguard_secure"));
                swaps += swap(folder, treasure);
                swaps += swap(place, treasure);
                for (String file : List.of("store.lock", "store.generations", "store.totals", "store.meta")) {
                    swaps += swap(folder.resolve(file), treasure.resolve("precious"));
                }
            }
            System.out.println("exchanges " + swaps);
        }

        /** One for a link to the target that was there for a moment. */
        private static int swap(Path path, Path target) throws IOException {
            Path aside = path.resolveSibling(path.getFileName() + ".aside");
            boolean moved = tried(() -> Files.move(path, aside));
            boolean linked = tried(() -> Files.createSymbolicLink(path, target));
            if (linked) {
                Thread.onSpinWait();
                tried(() -> Files.delete(path));
            }
            if (moved) {
                tried(() -> {
                    Files.move(aside, path);
                });
            }
            return linked ? 1 : 0;
        }

        @FunctionalInterface
        private interface Step {
            void run() throws IOException;
        }

        private static boolean tried(Step step) throws IOException {
            try {
                step.run();
                return true;
            } catch (FileSystemException e) {
                return false;
            }
        }
    }
}
