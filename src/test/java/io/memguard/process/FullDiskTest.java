package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store on a disk that has room for a part of it only. */
class FullDiskTest {
    @TempDir
    Path disk = Path.of("");

    private MemGuard open(OpenMode mode) {
        return MemGuard.at(disk.resolve("store"))
                .mode(mode)
                .keys(new FixedKeys(1))
                .open();
    }

    private void run(String... command) throws Exception {
        assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
    }

    @Test
    void aStoreIsMadeOrItIsNot() throws Exception {
        if (OtherUser.canBePlayed("a full disk")) {
            run("mount", "-t", "tmpfs", "-o", "size=4m", "memguard-test", disk.toString());
            try {
                int made = 0;
                int failed = 0;
                for (int free = 0; free <= 2400; free += 80) { // KiB; its counters take 2,080
                    Path filler = disk.resolve("filler");
                    int filled = Math.max(4, 4096 - free - 4);
                    run("sh", "-c", "head -c " + filled + "K /dev/zero >\"$0\" || true", filler.toString());
                    boolean wasMade = false;
                    try (var guard = open(OpenMode.CREATE)) {
                        wasMade = guard != null;
                    } catch (MemGuardException e) {
                        assertEquals(ErrorCode.STORE_FAILED, e.code(), e.getMessage());
                    }
                    Files.delete(filler);
                    open(wasMade ? OpenMode.EXISTING : OpenMode.CREATE).close();
                    made += wasMade ? 1 : 0;
                    failed += wasMade ? 0 : 1;
                    run("rm", "-r", disk.resolve("store").toString());
                }
                assertTrue(made > 0 && failed > 0, made + " made, " + failed + " not");
            } finally {
                run("umount", "--lazy", disk.toString());
            }
        }
    }
}
