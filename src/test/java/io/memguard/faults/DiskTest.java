package io.memguard.faults;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.os.Posix;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real disks that are full, read-only, or taken away; those need root. */
class DiskTest {
    @TempDir
    Path work = Path.of("");

    private boolean mounted;

    private static boolean run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
    }

    private boolean mount(int kibibytes, String what) throws IOException, InterruptedException {
        mounted = Posix.effectiveUser() == 0
                && run("mount", "-t", "tmpfs", "-o", "mode=700,size=" + kibibytes + "k", "tmpfs", work.toString());
        if (!mounted) {
            System.out.println("NOT TESTED without root and mount(8): " + what);
        }
        return mounted;
    }

    @AfterEach
    void unmount() throws IOException, InterruptedException {
        if (mounted) {
            run("umount", "--lazy", work.toString());
        }
    }

    private MemGuard open() {
        return MemGuard.at(work.resolve("store")).keys(new FixedKeys(1)).open();
    }

    private static void put(MemGuard guard, String name, int size) {
        try (var value = Secrets.random(size, size)) {
            guard.store(name, value);
        }
    }

    private static boolean has(MemGuard guard, String name, int size) {
        return guard.<Boolean, RuntimeException>read(name, s -> s.byteSize() == size && Secrets.matches(s, size));
    }

    /** With no page left, one, two, until it can be made: what failed is made by the same command once there is space. */
    @Test
    void onADiskThatIsFullAtAnyPointAStoreIsEitherMadeOrNot() throws Exception {
        if (mount(16384, "making a store on a full disk")) {
            Path filler = work.resolve("filler");
            Path store = work.resolve("store");
            int refused = 0;
            boolean made = false;
            for (int pages = 0; !made; pages += pages < 12 ? 1 : 24) {
                assertTrue(pages < 900, "it is never made");
                Files.createDirectory(
                        store, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
                fill(filler);
                try (var file = FileChannel.open(filler, StandardOpenOption.WRITE)) {
                    file.truncate(Math.max(0, file.size() - pages * 4096L));
                }
                made = isMade(store);
                refused += made ? 0 : 1;
                Files.delete(filler);
                if (!made) {
                    assertTrue(isMade(store), "refused with " + pages + " pages left, and not made with space either");
                }
                try (var guard = MemGuard.at(store)
                        .keys(new FixedKeys(1))
                        .mode(OpenMode.EXISTING)
                        .open()) {
                    put(guard, "a", 100);
                    assertTrue(has(guard, "a", 100));
                }
                remove(store);
                System.gc(); // Counters keep their pages until they are collected.
            }
            assertTrue(refused > 3, "only refused " + refused + " times");
        }
    }

    private static boolean isMade(Path store) {
        try {
            MemGuard.at(store)
                    .keys(new FixedKeys(1))
                    .mode(OpenMode.CREATE)
                    .open()
                    .close();
            return true;
        } catch (MemGuardException e) {
            assertTrue(e.getMessage().contains("No space left on device; free some space"), e.getMessage());
            return false;
        }
    }

    private static void remove(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Test
    void aFullDiskLosesNothingAndAfterSpaceIsFreedAllGoesOn() throws Exception {
        if (mount(4096, "a full disk")) {
            try (var guard = open()) {
                int stored = 0;
                MemGuardException full = null;
                while (full == null) {
                    try {
                        put(guard, "s" + stored, 100_000);
                        stored++;
                    } catch (MemGuardException e) {
                        full = e;
                    }
                }
                assertEquals(ErrorCode.STORE_FAILED, full.code());
                assertTrue(full.getMessage().contains("No space left on device; free some space"), full.getMessage());
                assertTrue(stored > 5);
                fill(work.resolve("filler"));
                for (int i = 0; i < stored; i++) {
                    assertThrows(MemGuardException.class, () -> put(guard, "s0", 100_001));
                    guard.cleanupMemory();
                    assertTrue(has(guard, "s" + i, 100_000));
                }
                assertTrue(guard.delete("s0"));
                assertEquals(stored - 1, guard.list().size());
                Files.delete(work.resolve("filler"));
                put(guard, "s1", 50);
                assertTrue(has(guard, "s1", 50));
            }
        }
    }

    /** The counters are mapped: without blocks behind them the JVM would get SIGBUS in the middle of a write. */
    @Test
    void aStoreOnAFullDiskIsAnErrorAtItsOpeningNotACrashLater() throws Exception {
        for (int free = 0; free < 2_400; free += 75) {
            if (mount(4096, "a store made on a nearly full disk")) {
                Path filler = work.resolve("filler");
                Files.write(filler, new byte[(4096 - free) << 10]);
                try (var guard = open()) {
                    put(guard, "a", 10);
                    assertTrue(has(guard, "a", 10));
                    for (int i = 0; i < 2_000; i++) {
                        guard.delete("no secret " + i); // Touches pages all over the counters.
                    }
                } catch (MemGuardException e) {
                    assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
                }
                Files.delete(filler);
                try (var guard = open()) {
                    put(guard, "a", 11);
                    assertTrue(has(guard, "a", 11));
                }
                unmount();
            }
        }
    }

    private static void fill(Path file) throws IOException {
        try (var out = Files.newOutputStream(file)) {
            while (true) {
                out.write(new byte[4096]);
            }
        } catch (IOException e) {
            assertTrue(e.getMessage().contains("No space left"), e.getMessage());
        }
    }

    @Test
    void aReadOnlyDiskIsAClearErrorAndTheNextCallAfterItWorks() throws Exception {
        if (mount(8192, "a disk that is mounted read-only")) {
            try (var guard = open()) {
                put(guard, "a", 10);
            }
            for (int i = 0; !run("mount", "-o", "remount,ro", work.toString()); i++) {
                assertTrue(i < 100, "it stays busy");
                System.gc(); // Mappings of closed stores go with the collector.
            }
            var refused = assertThrows(MemGuardException.class, () -> open().close());
            assertTrue(refused.getMessage().contains("Read-only file system"), refused.getMessage());
            assertTrue(run("mount", "-o", "remount,rw", work.toString()));
            try (var guard = open()) {
                assertTrue(has(guard, "a", 10));
            }
        }
    }

    @Test
    void aDirectoryRemovedUnderUsIsAClearErrorOfEveryCall() throws Exception {
        try (var guard = open()) {
            put(guard, "a", 10);
            guard.cleanupMemory();
            try (Stream<Path> all = Files.walk(work.resolve("store"))) {
                for (Path file : (Iterable<Path>) all.sorted(Comparator.reverseOrder())::iterator) {
                    Files.delete(file);
                }
            }
            for (org.junit.jupiter.api.function.Executable call : List.<org.junit.jupiter.api.function.Executable>of(
                    () -> put(guard, "a", 11),
                    () -> guard.delete("a"),
                    () -> has(guard, "a", 10),
                    () -> guard.contains("a"),
                    guard::list,
                    guard::stats,
                    guard::cleanupAll)) {
                var gone = assertThrows(MemGuardException.class, call);
                assertTrue(gone.getMessage().matches("(?s).*( is gone|was moved or replaced).*"), gone.getMessage());
            }
            // Somebody makes another store in its place: this one must not write into it.
            try (var other =
                    MemGuard.at(work.resolve("store")).keys(new FixedKeys(2)).open()) {
                put(other, "b", 20);
                assertThrows(MemGuardException.class, () -> put(guard, "b", 21));
                assertThrows(MemGuardException.class, () -> guard.delete("b"));
                assertThrows(MemGuardException.class, guard::cleanupAll);
                other.cleanupMemory();
                assertTrue(has(other, "b", 20));
            }
        }
    }
}
