package io.memguard.os;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The mount that an open directory is in; see proc_pid_mountinfo(5).
 *
 * @param type of its file system, such as {@code ext4} or {@code nfs4}
 * @param readOnly whether nothing can be written through it
 */
public record Mount(String type, boolean readOnly) {
    /** Several hosts may have them mounted, or two mounts of one directory don't share a page cache. */
    private static final Set<String> SHARED = Set.of(
            "9p",
            "acfs",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "davfs",
            "gfs2",
            "gpfs",
            "lustre",
            "moosefs",
            "ncpfs",
            "nfs",
            "nfs4",
            "ocfs2",
            "orangefs",
            "panfs",
            "prl_fs",
            "pvfs2",
            "smb3",
            "smbfs",
            "vboxsf",
            "virtiofs",
            "vmhgfs",
            "yas3fs");

    /** FAT and its like: a store's files can be made, but not be protected, nor put in place without replacing. */
    private static final Set<String> WITHOUT_OWNERS =
            Set.of("exfat", "hfs", "msdos", "ntfs", "ntfs3", "umsdos", "vfat");

    private static final Path MOUNTS = Path.of("/proc/self/mountinfo");
    private static final int LONGEST = 4 << 20;

    /** The mount that an existing directory is in; nothing where that can't be determined. */
    public static Optional<Mount> of(Path directory) {
        try (var open = OpenDirectory.follow(directory)) {
            return open.mount();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Nothing where the kernel does not show it to this process. */
    static Optional<Mount> of(int descriptor) throws IOException {
        String id = lines(Path.of("/proc/self/fdinfo/" + descriptor)).stream()
                .filter(line -> line.startsWith("mnt_id:"))
                .map(line -> line.substring("mnt_id:".length()).strip())
                .findFirst()
                .orElse("");
        return lines(MOUNTS).stream()
                .map(line -> line.split(" "))
                .filter(fields -> fields[0].equals(id))
                .findFirst()
                .flatMap(Mount::parse);
    }

    private static List<String> lines(Path file) throws IOException {
        byte[] content = SmallFile.readUnsized(file, LONGEST).orElse(new byte[0]);
        return new String(content, StandardCharsets.ISO_8859_1).lines().toList();
    }

    static Optional<Mount> parse(String[] fields) {
        int type = Arrays.asList(fields).indexOf("-") + 1;
        if (type == 0 || fields.length < type + 3) {
            return Optional.empty();
        }
        boolean readOnly = isReadOnly(fields[5]) || isReadOnly(fields[type + 2]);
        return Optional.of(new Mount(fields[type], readOnly));
    }

    private static boolean isReadOnly(String options) {
        return Arrays.asList(options.split(",")).contains("ro");
    }

    /** Whether it keeps no owners and permissions of files. */
    public boolean isWithoutOwners() {
        return WITHOUT_OWNERS.contains(type);
    }

    /** Whether a process that writes by another mount, here or on another host, may go unnoticed. FUSE counts as such. */
    public boolean isShared() {
        return SHARED.contains(type) || type.startsWith("fuse");
    }
}
