package io.memguard.storage.directory;

import io.memguard.os.SmallFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;

/**
 * The number of this run of the machine (random(4)): what a mapped file held before it need not have reached the disk.
 *
 * <p>Where the kernel's number can't be read ({@code ProcSubset=pid} of systemd shows processes only), each process has one
 * of its own: counts of other processes are not believed then, and the files are counted once more.
 */
record BootId(long high, long low) {
    private static final Path FILE = Path.of("/proc/sys/kernel/random/boot_id");
    private static final int LONGEST = 4096; // What the kernel says is the length of such a file is 0.

    /** Made once, when it is needed. */
    private static final class OfThisProcess {
        static final UUID ID = UUID.randomUUID();
    }

    static BootId current() {
        UUID id = read();
        return new BootId(id.getMostSignificantBits(), id.getLeastSignificantBits());
    }

    private static UUID read() {
        try {
            byte[] content = SmallFile.readUnsized(FILE, LONGEST).orElse(new byte[0]);
            return UUID.fromString(new String(content, StandardCharsets.US_ASCII).strip());
        } catch (IOException | IllegalArgumentException e) {
            return OfThisProcess.ID;
        }
    }
}
