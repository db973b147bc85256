package io.memguard.os;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.Downcall;
import io.memguard.ffi.linux.LinuxLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The file descriptors of a program to run: 0, 1 and 2 as they are, those with secrets, those that were named, and no
 * other. The JVM's own, not all of which are marked, end with the execve(2). Not thread-safe; for one program.
 */
public final class ChildDescriptors {
    private static final int[] SPARE = {1000, 100, 20}; // Out of the way of what users number, as the limit allows.
    private static final int SMALLEST_PIPE = 4096;
    private static final int OWNER_READS = 0400;

    private final Set<Integer> kept = new HashSet<>(Set.of(0, 1, 2));

    /** What each number will be a copy of. */
    private final Map<Integer, Integer> sources = new TreeMap<>();

    /** What was there before, or -1. */
    private final Map<Integer, Integer> replaced = new TreeMap<>();

    /** Passes on one that this process inherited. */
    public void keep(int number) {
        kept.add(number);
    }

    /** Whether the program will have something there that this was told of. */
    public boolean isUsed(int number) {
        return kept.contains(number) || sources.containsKey(number);
    }

    /**
     * Adds a pipe that holds the value and then ends: it is read once, and lies in memory of the kernel that is never
     * swapped.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} for a value that no pipe of this user can hold
     */
    public void addPipe(int number, MemorySegment value) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var ends = arena.allocate(LinuxLibrary.C_INT, 2);
            require(LinuxLibrary.pipe2(ends, LinuxLibrary.O_CLOEXEC()), "pipe2");
            sources.put(number, moved(ends.getAtIndex(LinuxLibrary.C_INT, 0)));
            int in = ends.getAtIndex(LinuxLibrary.C_INT, 1);
            try {
                int size = Math.clamp(value.byteSize(), SMALLEST_PIPE, Integer.MAX_VALUE);
                int capacity = control(in, LinuxLibrary.F_SETPIPE_SZ(), size);
                if (capacity < value.byteSize()) {
                    throw new MemGuardException(
                            ErrorCode.INVALID_ARGUMENTS,
                            "the value for descriptor " + number
                                    + " is longer than a pipe may be (fs.pipe-max-size); use --memfd");
                }
                writeAll(in, value);
            } finally {
                LinuxLibrary.close(in);
            }
        }
    }

    /**
     * Adds a file without a name, in memory, that nobody can change: it can be read again and again, also by its name in
     * {@code /proc/self/fd}. Its pages may be swapped.
     */
    public void addFile(int number, MemorySegment value) throws IOException {
        try (var arena = Arena.ofConfined()) {
            int flags = LinuxLibrary.MFD_CLOEXEC() | LinuxLibrary.MFD_ALLOW_SEALING();
            int file = moved(LinuxLibrary.memfd_create(arena.allocateFrom("secret"), flags));
            sources.put(number, file);
            writeAll(file, value);
            require(LinuxLibrary.lseek(file, 0, LinuxLibrary.SEEK_SET()), "lseek");
            require(LinuxLibrary.fchmod(file, OWNER_READS), "fchmod");
            int seals = LinuxLibrary.F_SEAL_SEAL()
                    | LinuxLibrary.F_SEAL_SHRINK()
                    | LinuxLibrary.F_SEAL_GROW()
                    | LinuxLibrary.F_SEAL_WRITE();
            require(control(file, LinuxLibrary.F_ADD_SEALS(), seals), "sealing a memfd");
        }
    }

    private static void writeAll(int descriptor, MemorySegment value) throws IOException {
        long done = 0;
        while (done < value.byteSize()) {
            long written = LinuxLibrary.write(descriptor, value.asSlice(done), value.byteSize() - done);
            require(written, "write");
            done += written;
        }
    }

    /** To a high number, so that no other one is in its place. */
    private static int moved(int descriptor) throws IOException {
        require(descriptor, "a descriptor");
        int high = copy(descriptor);
        LinuxLibrary.close(descriptor);
        require(high, "a descriptor");
        return high;
    }

    /** Negative where there is nothing to copy. */
    private static int copy(int descriptor) {
        int high = -1;
        for (int i = 0; i < SPARE.length && high < 0; i++) {
            high = control(descriptor, LinuxLibrary.F_DUPFD_CLOEXEC(), SPARE[i]);
        }
        return high;
    }

    private static int control(int descriptor, int command, int argument) {
        return Downcall.callInt(LinuxLibrary.fcntl.address(), descriptor, command, argument);
    }

    private static void require(long result, String what) throws IOException {
        if (result < 0) {
            throw new IOException(what + " failed; are there too many open files (ulimit -n)?");
        }
    }

    /** Puts all in their places. No class may be loaded between this and {@link #restore}: its jar may be closed. */
    void place() throws IOException {
        var open = new HashSet<Integer>();
        try (var all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            all.forEach(file -> open.add(Integer.valueOf(file.getFileName().toString())));
        }
        for (int number : kept) {
            if (number > 2 && control(number, LinuxLibrary.F_SETFD(), 0) != 0) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "descriptor " + number + " is not open; it can't be kept");
            }
        }
        for (int number : open) {
            if (!kept.contains(number)) {
                control(number, LinuxLibrary.F_SETFD(), LinuxLibrary.FD_CLOEXEC()); // Fails for the listing's own.
            }
        }
        for (int number : sources.keySet()) {
            replaced.put(number, copy(number));
        }
        for (var entry : sources.entrySet()) {
            LinuxLibrary.dup2(entry.getValue(), entry.getKey());
        }
    }

    /** Undoes that where the program could not be run. */
    void restore() {
        for (var entry : replaced.entrySet()) {
            if (entry.getValue() < 0) {
                LinuxLibrary.close(entry.getKey());
            } else {
                LinuxLibrary.dup2(entry.getValue(), entry.getKey());
            }
        }
    }
}
