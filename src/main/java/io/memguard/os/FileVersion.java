package io.memguard.os;

import io.memguard.ffi.gen.linux.LinuxLibrary;
import io.memguard.ffi.gen.linux.statx;
import io.memguard.ffi.gen.linux.statx_timestamp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which content a file has, as its file system tells: where any of these is another one, it was replaced or written to.
 *
 * @param device it is on
 * @param inode in that file system
 * @param size in bytes
 * @param changed seconds of its last change, which no program can set
 * @param nanoseconds of the same
 */
public record FileVersion(long device, long inode, long size, long changed, int nanoseconds) {
    /** A file that was gone when it was checked; equal to no other. */
    public static final FileVersion NONE = new FileVersion(-1, -1, -1, -1, -1);

    private static final long SETTLING = 2000; // milliseconds: "changed" has no fractions of a second

    private static final int FORCE_SYNC = 0x2000; // AT_STATX_FORCE_SYNC: asks the server of a network file system

    /** Of what a name leads to, or of a link itself; nothing where there is none. */
    public static Optional<FileVersion> of(Path file) throws IOException {
        int flags = LinuxLibrary.AT_SYMLINK_NOFOLLOW() | FORCE_SYNC;
        try (var arena = Arena.ofConfined()) {
            return Optional.of(of(Posix.status(arena, LinuxLibrary.AT_FDCWD(), file.toString(), flags, file)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Of an open file. */
    static FileVersion of(int descriptor, Path file) throws IOException {
        try (var arena = Arena.ofConfined()) {
            return of(Posix.status(arena, descriptor, "", LinuxLibrary.AT_EMPTY_PATH(), file));
        }
    }

    static FileVersion of(MemorySegment status) {
        var change = statx.stx_ctime(status);
        return new FileVersion(
                ((long) statx.stx_dev_major(status) << 32) | statx.stx_dev_minor(status),
                statx.stx_ino(status),
                statx.stx_size(status),
                statx_timestamp.tv_sec(change),
                statx_timestamp.tv_nsec(change));
    }

    /**
     * Whether a later change is certain to give another version. The clock of a file system moves in steps of some
     * milliseconds, within which a file that takes the place of this one may even get its inode.
     */
    public boolean isSettled() {
        return changed >= 0 && System.currentTimeMillis() - SETTLING > changed * 1000;
    }

    /** Whether both are the same file, with whatever content. */
    public boolean isSameFile(FileVersion other) {
        return device == other.device && inode == other.inode;
    }
}
