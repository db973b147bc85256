package io.memguard.os;

import static io.memguard.ffi.Downcall.callIntKeepingErrno;
import static io.memguard.ffi.Downcall.callLongKeepingErrno;
import static io.memguard.ffi.gen.linux.LinuxLibrary.*;

import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.flock;
import io.memguard.ffi.gen.linux.statx;
import io.memguard.ffi.gen.linux.statx_timestamp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * File operations that a thread's interrupt must not undo: {@code FileChannel} closes itself when its thread is
 * interrupted, and with that would drop locks and half-written files of other threads.
 */
public final class Posix {
    private static final int INTERRUPTED = 4; // EINTR
    private static final int DENIED = 13; // EACCES
    private static final int OWNER_READ_WRITE = 0600;
    private static final int PIECE = 1 << 20;
    private static final int MISSING = 2; // ENOENT
    private static final int IS_SOCKET = 6; // ENXIO
    private static final int EXISTS = 17; // EEXIST
    private static final int IS_LINK = 40; // ELOOP
    private static final int UNSUPPORTED = 95; // EOPNOTSUPP

    private Posix() {}

    /** The effective user, by number. */
    public static int effectiveUser() {
        return geteuid();
    }

    /**
     * Opens a file for reading and writing, made with mode 0600 where it is missing; never follows a link.
     *
     * @throws SmallFile.StrangeFileException where it is no regular file, or another user's that was linked to here
     */
    public static int openOrCreate(Path file) throws IOException {
        int descriptor = openAt(file, O_RDWR() | O_CREAT() | O_CLOEXEC() | O_NOFOLLOW());
        try {
            requireOwn(file, status(descriptor, file));
            return descriptor;
        } catch (Throwable failure) {
            closeQuietly(descriptor);
            throw failure;
        }
    }

    /** Root works in directories of others, who may link a file there that only root can write. */
    private static void requireOwn(Path file, FileStatus status) throws IOException {
        boolean linked =
                status.links() != 1 && status.user() != (int) Files.getAttribute(file.resolveSibling(""), "unix:uid");
        if (!status.isRegular() || linked) {
            throw new SmallFile.StrangeFileException(file + " is not a regular file of its own");
        }
    }

    /** Opens a file or a device for reading and writing. */
    static int openExisting(Path file) throws IOException {
        return openAt(file, O_RDWR() | O_CLOEXEC());
    }

    /**
     * Opens a file for reading; never follows a link, never waits for the other end of a pipe.
     *
     * @throws java.nio.file.NoSuchFileException where there is none
     * @throws SmallFile.StrangeFileException where it is a link or a socket
     */
    static int openForReading(Path file) throws IOException {
        return openAt(file, O_RDONLY() | O_NONBLOCK() | O_NOFOLLOW() | O_CLOEXEC());
    }

    /** Opens the directory that a name leads to. */
    static int openDirectoryByLink(Path directory) throws IOException {
        return openAt(directory, O_RDONLY() | O_DIRECTORY() | O_CLOEXEC());
    }

    /** Opens a directory itself, not what a link in its place leads to. */
    static int openDirectory(Path directory) throws IOException {
        return openAt(directory, O_RDONLY() | O_DIRECTORY() | O_NOFOLLOW() | O_CLOEXEC());
    }

    /**
     * What an open file is.
     *
     * @param mode type and permissions
     * @param user the owner's number
     * @param links how many names it has
     * @param version which content it has
     */
    public record FileStatus(int mode, int user, int links, FileVersion version) {
        private static final int TYPE = 0170000;
        private static final int REGULAR = 0100000;
        private static final int LINK = 0120000;
        private static final int DIRECTORY = 0040000;

        /** In bytes. */
        public long size() {
            return version.size();
        }

        boolean isRegular() {
            return (mode & TYPE) == REGULAR;
        }

        /** Whether it is a directory. */
        public boolean isDirectory() {
            return (mode & TYPE) == DIRECTORY;
        }

        /** Whether it is a symbolic link. */
        public boolean isLink() {
            return (mode & TYPE) == LINK;
        }

        /** Who may do what: the last nine bits. */
        public int permissions() {
            return mode & 0777;
        }

        /** Whether another user than the owner may rename and delete what is in this directory, others' things too. */
        public boolean isOpenToOthers() {
            return isDirectory() && (mode & 0022) != 0 && (mode & 01000) == 0;
        }

        /** The same, for everybody, not only for a group. */
        public boolean isOpenToAll() {
            return isOpenToOthers() && (mode & 0002) != 0;
        }
    }

    /** Of what a name leads to; of a link itself. */
    public static FileStatus status(Path file) throws IOException {
        try (var arena = Arena.ofConfined()) {
            return status(status(arena, AT_FDCWD(), file.toString(), AT_SYMLINK_NOFOLLOW(), file));
        }
    }

    /**
     * What tells a file from every copy of it.
     *
     * @param birth seconds and nanoseconds of its making, mixed into one number; 0 where the file system keeps none
     */
    public record Identity(long inode, long birth) {}

    /** Of the file that a path leads to, through links: a held directory is one of {@code /proc}. */
    public static Identity identity(Path file) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var result = status(arena, AT_FDCWD(), file.toString(), 0, STATX_BASIC_STATS() | STATX_BTIME(), file);
            var born = statx.stx_btime(result);
            boolean known = (statx.stx_mask(result) & STATX_BTIME()) != 0;
            return new Identity(
                    statx.stx_ino(result),
                    known ? (statx_timestamp.tv_sec(born) << 30) + statx_timestamp.tv_nsec(born) : 0);
        }
    }

    /** Of an open file. */
    public static FileStatus status(int descriptor, Path file) throws IOException {
        try (var arena = Arena.ofConfined()) {
            return status(status(arena, descriptor, "", AT_EMPTY_PATH(), file));
        }
    }

    private static FileStatus status(MemorySegment result) {
        return new FileStatus(
                Short.toUnsignedInt(statx.stx_mode(result)),
                statx.stx_uid(result),
                statx.stx_nlink(result),
                FileVersion.of(result));
    }

    /** Whether a name still leads to the file that was opened by it. */
    public static boolean isStill(Path file, int descriptor) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var opened = status(arena, descriptor, "", AT_EMPTY_PATH(), file);
            var named = status(arena, AT_FDCWD(), file.toString(), AT_SYMLINK_NOFOLLOW(), file);
            return statx.stx_ino(opened) == statx.stx_ino(named)
                    && statx.stx_dev_major(opened) == statx.stx_dev_major(named)
                    && statx.stx_dev_minor(opened) == statx.stx_dev_minor(named);
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /** The same, of what links lead to. */
    static boolean isStillBehind(Path file, int descriptor) throws IOException {
        try (var arena = Arena.ofConfined()) {
            return FileVersion.of(status(arena, descriptor, "", AT_EMPTY_PATH(), file))
                    .isSameFile(FileVersion.of(status(arena, AT_FDCWD(), file.toString(), 0, file)));
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    static MemorySegment status(Arena arena, int descriptor, String name, int flags, Path file) throws IOException {
        return status(arena, descriptor, name, flags, STATX_BASIC_STATS(), file);
    }

    private static MemorySegment status(Arena arena, int descriptor, String name, int flags, int wanted, Path file)
            throws IOException {
        var result = statx.allocate(arena);
        var path = arena.allocateFrom(name);
        repeat(
                "stat",
                file,
                state -> callIntKeepingErrno(state, statx$address(), descriptor, path, flags, wanted, result));
        return result;
    }

    /**
     * Makes a file at least this long, with blocks of the disk behind all of it where the file system can do that: a mapped
     * file without them ends in SIGBUS on a full disk. Changes no content.
     */
    public static void reserve(int descriptor, Path file, long size) throws IOException {
        try {
            repeat(
                    "fallocate",
                    file,
                    state -> callIntKeepingErrno(state, fallocate$address(), descriptor, 0, 0L, size));
        } catch (UnsupportedOperationException e) {
            // Then it is made longer when it is mapped.
        }
    }

    /** Reads until the array is full or the file ends; how much it was. */
    static int read(int descriptor, Path file, byte[] into) throws IOException {
        int length = 0;
        try (var arena = Arena.ofConfined()) {
            var piece = arena.allocate(Math.clamp(into.length, 1, PIECE));
            while (length < into.length) {
                long wanted = Math.min(piece.byteSize(), into.length - length);
                int read = (int) read(descriptor, file, piece.asSlice(0, wanted));
                MemorySegment.copy(piece, ValueLayout.JAVA_BYTE, 0, into, length, read);
                length += read;
                if (read < wanted) {
                    break;
                }
            }
        }
        return length;
    }

    /** Reads until the native segment is full or the file ends; how much it was. */
    static long read(int descriptor, Path file, MemorySegment into) throws IOException {
        long length = 0;
        while (length < into.byteSize()) {
            var rest = into.asSlice(length);
            long read = repeat(
                    "read",
                    file,
                    state -> callLongKeepingErrno(state, read$address(), descriptor, rest, rest.byteSize()));
            if (read == 0) {
                break;
            }
            length += read;
        }
        return length;
    }

    /** Gives a file or directory to another user; for root. */
    static void giveTo(int user, int descriptor, Path file) throws IOException {
        repeat("chown", file, state -> callIntKeepingErrno(state, fchown$address(), descriptor, user, -1));
    }

    /** Makes a file of mode 0600 where there was none, and opens it. */
    static int createNew(Path file) throws IOException {
        return openAt(file, O_RDWR() | O_CREAT() | O_EXCL() | O_CLOEXEC() | O_NOFOLLOW());
    }

    /** Writes all of a native segment at the descriptor's place. */
    static void write(int descriptor, Path file, MemorySegment content) throws IOException {
        long done = 0;
        while (done < content.byteSize()) {
            var rest = content.asSlice(done);
            done += repeat(
                    "write",
                    file,
                    state -> callLongKeepingErrno(state, write$address(), descriptor, rest, rest.byteSize()));
        }
    }

    /** Waits until a file's content is durable. */
    static void sync(int descriptor, Path file) throws IOException {
        repeat("fsync", file, state -> callIntKeepingErrno(state, fsync$address(), descriptor));
    }

    /** A call of the C library; negative where it failed. */
    @FunctionalInterface
    private interface Call {
        long run(MemorySegment state);
    }

    /** Until no signal interrupts it; any other error is final, above all that of a sync. */
    private static long repeat(String what, Path file, Call call) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = Downcall.allocateState(arena);
            while (true) {
                long result = call.run(state);
                if (result >= 0) {
                    return result;
                }
                int error = Downcall.errno(state);
                if (error == UNSUPPORTED) {
                    throw new UnsupportedOperationException(what);
                }
                if (error != INTERRUPTED) {
                    throw failure(what, file, error);
                }
            }
        }
    }

    /** Closes a descriptor; a failure has no consequence that the caller could act on. */
    public static void closeQuietly(int descriptor) {
        Downcall.callOneWord(close$address(), descriptor);
    }

    /** Makes the names in a directory durable; see fsync(2). */
    public static void syncDirectory(Path directory) throws IOException {
        int descriptor = openDirectoryByLink(directory);
        try {
            sync(descriptor, directory);
        } finally {
            closeQuietly(descriptor);
        }
    }

    /**
     * Locks a range of bytes for this open file alone, or unlocks it (an open file description lock, fcntl(2)): a second
     * open of the same file conflicts also within one process, and closing another descriptor drops nothing.
     *
     * @param wait whether to wait for it; a virtual thread does so without its carrier, see {@link LockWait}
     * @return false where another process or descriptor holds it and {@code wait} is false
     */
    public static boolean lock(int descriptor, long start, long length, boolean wait) throws IOException {
        if (!wait) {
            return lockCall(descriptor, F_OFD_SETLK(), F_WRLCK(), start, length);
        }
        if (Thread.currentThread().isVirtual()) {
            LockWait.lock(descriptor, start, length);
        } else {
            waitForLock(descriptor, start, length);
        }
        return true;
    }

    /** Waits in the kernel, and blocks the thread that does. */
    static void waitForLock(int descriptor, long start, long length) throws IOException {
        lockCall(descriptor, F_OFD_SETLKW(), F_WRLCK(), start, length);
    }

    /** Unlocks a range of bytes. */
    public static void unlock(int descriptor, long start, long length) throws IOException {
        lockCall(descriptor, F_OFD_SETLK(), F_UNLCK(), start, length);
    }

    private static boolean lockCall(int descriptor, int command, int type, long start, long length) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = Downcall.allocateState(arena);
            var range = flock.allocate(arena); // l_pid must be 0 for this kind of lock
            flock.l_type(range, (short) type);
            flock.l_whence(range, (short) SEEK_SET());
            flock.l_start(range, start);
            flock.l_len(range, length);
            while (true) {
                if (callIntKeepingErrno(state, fcntl.address(), descriptor, command, range) == 0) {
                    return true;
                }
                int error = Downcall.errno(state);
                if (command == F_OFD_SETLK()
                        && (error == 11 || error == DENIED)) { // EAGAIN or EACCES: another process has it
                    return false;
                }
                if (error != INTERRUPTED) {
                    throw new IOException("can't lock: " + errorText(error));
                }
            }
        }
    }

    private static int openAt(Path file, int flags) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var path = arena.allocateFrom(file.toString());
            return (int) repeat(
                    "open", file, state -> callIntKeepingErrno(state, open.address(), path, flags, OWNER_READ_WRITE));
        }
    }

    private static IOException failure(String call, Path file, int error) {
        return switch (error) {
            case MISSING -> new NoSuchFileException(file.toString());
            case DENIED -> new AccessDeniedException(file.toString());
            case EXISTS -> new FileAlreadyExistsException(file.toString());
            case IS_LINK, IS_SOCKET ->
                new SmallFile.StrangeFileException(OpenDirectory.named(file + " is not a regular file"));
            default -> new IOException(OpenDirectory.named(call + " " + file) + ": " + errorText(error));
        };
    }

    /** What an error number means, in the words of the C library. */
    public static String errorText(int error) {
        return strerror(error).getString(0);
    }
}
