package io.memguard.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** The number of this run of the machine (random(4)): what a mapped file held before it need not have reached the disk. */
record BootId(long high, long low) {
    private static final Path FILE = Path.of("/proc/sys/kernel/random/boot_id");

    static BootId current() throws IOException {
        var id = UUID.fromString(
                Files.readString(FILE, StandardCharsets.US_ASCII).strip());
        return new BootId(id.getMostSignificantBits(), id.getLeastSignificantBits());
    }
}
