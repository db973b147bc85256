package io.memguard.os;

import static org.junit.jupiter.api.Assertions.*;

import org.junit.jupiter.api.Test;

/** Lines as the kernel writes them, of file systems that a machine of tests does not have. */
class MountTest {
    private static Mount parse(String line) {
        return Mount.parse(line.split(" ")).orElseThrow();
    }

    @Test
    void fileSystemsWithoutOwnersAreKnown() {
        assertTrue(parse("29 1 8:1 / /boot/efi rw,relatime shared:1 - vfat /dev/sda1 rw,fmask=0077")
                .isWithoutOwners());
        assertTrue(parse("30 1 8:2 / /media/stick rw - exfat /dev/sdb1 rw").isWithoutOwners());
        assertFalse(
                parse("31 1 8:3 / / rw,relatime shared:1 - ext4 /dev/sda2 rw").isWithoutOwners());
    }

    @Test
    void fieldsThatMayBeMissingOrRepeatedMoveNothing() {
        assertEquals(
                "nfs4",
                parse("32 1 0:9 / /mnt ro,noatime shared:2 master:3 - nfs4 host:/ rw")
                        .type());
        assertTrue(parse("32 1 0:9 / /mnt ro,noatime shared:2 master:3 - nfs4 host:/ rw")
                .readOnly());
        assertTrue(parse("33 1 0:9 / /mnt rw - squashfs /dev/loop0 ro,errors=continue")
                .readOnly());
        assertTrue(Mount.parse("34 1 0:9 / /mnt rw".split(" ")).isEmpty());
    }
}
