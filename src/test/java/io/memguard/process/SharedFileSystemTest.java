package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardBuilder;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.doctor.Doctor;
import io.memguard.doctor.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two mounts of one folder that share no page cache, as two hosts have them: bindfs, which is FUSE. */
class SharedFileSystemTest {
    /** FUSE itself keeps names and attributes for a second otherwise. */
    private static final String UNCACHED = "attr_timeout=0,entry_timeout=0,negative_timeout=0";

    @TempDir
    Path place = Path.of("");

    private Path one = Path.of("");
    private Path other = Path.of("");
    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        one = Files.createDirectory(place.resolve("one"));
        other = Files.createDirectory(place.resolve("other"));
        Path base = Files.createDirectory(place.resolve("base"));
        mounted = canMount(base, one) && canMount(base, other);
        if (!mounted) {
            System.out.println(
                    "NOT TESTED: two mounts of one folder (apt-get install bindfs; /dev/fuse; scripts/test as root)");
        }
    }

    private static boolean canMount(Path base, Path at) throws InterruptedException {
        try {
            return new ProcessBuilder("bindfs", "-o", UNCACHED, base.toString(), at.toString())
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }

    @AfterEach
    void unmount() throws Exception {
        for (Path at : new Path[] {one, other}) {
            new ProcessBuilder("umount", "-l", at.toString()).start().waitFor();
        }
    }

    private static MemGuardBuilder at(Path directory) {
        return MemGuard.at(directory).keys(new FixedKeys(1));
    }

    private static void store(MemGuard guard, String text) {
        try (var value = Secrets.text(text)) {
            guard.store("a", value);
        }
    }

    private static String read(MemGuard guard) {
        return guard.<String, RuntimeException>read("a", Secrets::text);
    }

    @Test
    void itIsRefusedByNameUnlessItIsAllowed() {
        if (mounted) {
            var refused = assertThrows(MemGuardException.class, () -> at(one).open());
            assertEquals(ErrorCode.SECURITY_ERROR, refused.code());
            assertTrue(refused.getMessage().contains("fuse"), refused.getMessage());
            assertTrue(refused.getMessage().contains("allowSharedFileSystem"), refused.getMessage());
            at(one).allowSharedFileSystem().open().close();
            assertTrue(Doctor.store(one, new FixedKeys(1), Optional.empty()).stream()
                    .anyMatch(finding -> finding.level() == Finding.Level.PROBLEM
                            && finding.toString().contains("fuse")));
        }
    }

    @Test
    void aChangeOfOneMountIsSeenByTheVeryNextReadOfTheOther() {
        if (mounted) {
            try (var writer = at(one).allowSharedFileSystem().open();
                    var reader = at(other).allowSharedFileSystem().open()) {
                for (int i = 0; i < 10; i++) {
                    store(writer, "change " + i);
                    assertEquals("change " + i, read(reader));
                }
            }
        }
    }

    @Test
    void whatIsStoredByOneMountIsReadByTheOther() throws InterruptedException {
        if (mounted) {
            try (var writer = at(one).allowSharedFileSystem().open()) {
                store(writer, "first");
                try (var reader = at(other).allowSharedFileSystem().open();
                        var readOnly = at(other).mode(OpenMode.READ_ONLY).open()) {
                    assertEquals("first", read(reader));
                    assertEquals("first", read(readOnly));
                    for (int i = 0; i < 3; i++) {
                        store(writer, "change " + i);
                        Thread.sleep(1100); // FUSE itself may keep names and attributes for a second.
                        assertEquals("change " + i, read(reader));
                        assertEquals("change " + i, read(reader));
                    }
                    Thread.sleep(1000);
                    assertEquals("change 2", read(readOnly));
                    writer.delete("a");
                    Thread.sleep(1100);
                    assertThrows(MemGuardException.class, () -> read(reader));
                }
            }
        }
    }
}
