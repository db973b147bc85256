package io.memguard.cli.exec;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.LinuxLibrary;
import io.memguard.os.InheritedDescriptor;
import io.memguard.os.Posix;
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
 * other. The JVM's own, not all of which are marked, end with the execve(2).
 *
 * <p>A secret is put on its number at once where that is free. Where it is not, since this process uses it, the secret
 * waits on a number that no other secret will have, and takes its place right before the execve. Not thread-safe; for one
 * program.
 */
public final class ChildDescriptors {
    private static final int FIRST = 3;
    private static final int F_GETFD = 1;
    private static final int SMALLEST_PIPE = 4096;
    private static final int OWNER_READS = 0400;
    private static final int NOT_PERMITTED = 1; // EPERM
    private static final int DENIED = 13; // EACCES
    private static final int NO_CALL = 38; // ENOSYS
    private static final int TOO_MANY_OF_ALL = 23; // ENFILE
    private static final int TOO_MANY = 24; // EMFILE
    private static final int BEYOND = 22; // EINVAL

    private final Set<Integer> kept = new HashSet<>(Set.of(0, 1, 2));

    /** The numbers that will have secrets. */
    private final Set<Integer> targets;

    /** What each number will be a copy of, itself where the secret is there already. */
    private final Map<Integer, Integer> sources = new TreeMap<>();

    /** What was there before. */
    private final Map<Integer, Integer> replaced = new TreeMap<>();

    /** @param targets the numbers that will have secrets, as far as they are known */
    public ChildDescriptors(Set<Integer> targets) {
        this.targets = new HashSet<>(targets);
    }

    /**
     * Passes on one that this process inherited.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} where it inherited none of that number
     */
    public void keep(int number) {
        if (number > 2 && !InheritedDescriptor.isOpen(number)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "descriptor " + number + " is not open; it can't be kept");
        }
        kept.add(number);
    }

    /** The lowest number from 3 on that the program will have nothing on so far; it is for a secret now. */
    public int reserve() {
        int number = FIRST;
        while (kept.contains(number) || targets.contains(number)) {
            number++;
        }
        targets.add(number);
        return number;
    }

    /**
     * Adds a pipe that holds the value and then ends: it is read once, and is in memory of the kernel that is never
     * swapped.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} for a value that no pipe of this user can hold, or a
     *     number beyond the limit of open files
     */
    public void addPipe(int number, MemorySegment value) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var ends = arena.allocate(LinuxLibrary.C_INT, 2);
            call("pipe2", LinuxLibrary.pipe2$address(), ends, LinuxLibrary.O_CLOEXEC());
            int in = ends.getAtIndex(LinuxLibrary.C_INT, 1);
            try {
                put(ends.getAtIndex(LinuxLibrary.C_INT, 0), number);
                int size = Math.clamp(value.byteSize(), SMALLEST_PIPE, Integer.MAX_VALUE);
                int capacity = control(in, LinuxLibrary.F_SETPIPE_SZ(), size);
                if (capacity < value.byteSize()) {
                    throw new MemGuardException(
                            ErrorCode.INVALID_ARGUMENTS,
                            "the value for descriptor " + number
                                    + " is longer than a pipe may be (fs.pipe-max-size), or all pipes of this user together"
                                    + " (fs.pipe-user-pages-soft); use --memfd");
                }
                writeAll(in, value);
            } finally {
                LinuxLibrary.close(in);
            }
        }
    }

    /**
     * Adds a file without a name, in memory, that no process can change: it can be read again and again, also by its name in
     * {@code /proc/self/fd}. Its pages may be swapped.
     *
     * @throws MemGuardException {@link ErrorCode#INVALID_ARGUMENTS} for a number beyond the limit of open files
     */
    public void addFile(int number, MemorySegment value) throws IOException {
        try (var arena = Arena.ofConfined()) {
            int flags = LinuxLibrary.MFD_CLOEXEC() | LinuxLibrary.MFD_ALLOW_SEALING();
            int made = (int)
                    call("memfd_create", LinuxLibrary.memfd_create$address(), arena.allocateFrom("secret"), flags);
            int file = put(made, number);
            writeAll(file, value);
            call("lseek", LinuxLibrary.lseek$address(), file, 0, LinuxLibrary.SEEK_SET());
            call("fchmod", LinuxLibrary.fchmod$address(), file, OWNER_READS);
            int seals = LinuxLibrary.F_SEAL_SEAL()
                    | LinuxLibrary.F_SEAL_SHRINK()
                    | LinuxLibrary.F_SEAL_GROW()
                    | LinuxLibrary.F_SEAL_WRITE();
            call("sealing a memfd", LinuxLibrary.fcntl.address(), file, LinuxLibrary.F_ADD_SEALS(), seals);
        }
    }

    private static void writeAll(int descriptor, MemorySegment value) throws IOException {
        long done = 0;
        while (done < value.byteSize()) {
            done += call(
                    "write", LinuxLibrary.write$address(), descriptor, value.asSlice(done), value.byteSize() - done);
        }
    }

    /** Moves a descriptor to its number, or to one where it waits; returns which. */
    private int put(int descriptor, int number) throws IOException {
        try {
            int moved = descriptor == number ? number : copy(descriptor, number, number);
            sources.put(number, moved);
            return moved;
        } finally {
            if (descriptor != number) {
                LinuxLibrary.close(descriptor);
            }
        }
    }

    /** A copy on its own number where that is free, else on the next, or the first, that no secret will have. */
    private int copy(int descriptor, int from, int own) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = Downcall.allocateState(arena);
            int minimum = from;
            boolean wrapped = from == FIRST;
            while (true) {
                int copy = Downcall.callIntKeepingErrno(
                        state, LinuxLibrary.fcntl.address(), descriptor, LinuxLibrary.F_DUPFD_CLOEXEC(), minimum);
                if (copy == own || (copy >= FIRST && !targets.contains(copy) && !kept.contains(copy))) {
                    return copy;
                }
                int error = Downcall.errno(state);
                if (copy >= 0) {
                    LinuxLibrary.close(copy);
                    minimum = copy + 1;
                } else if (minimum == own && error == BEYOND) {
                    throw beyond(own);
                } else if (!wrapped && (error == TOO_MANY || error == BEYOND)) {
                    wrapped = true; // Nothing is free above.
                    minimum = FIRST;
                } else {
                    throw new IOException("there are too many open files to give descriptor " + own + " (ulimit -n)");
                }
            }
        }
    }

    private static MemGuardException beyond(int number) {
        return new MemGuardException(
                ErrorCode.INVALID_ARGUMENTS,
                "descriptor " + number + " is beyond the limit of open files; choose a lower one, or raise ulimit -n");
    }

    private static int control(int descriptor, int command, int argument) {
        return Downcall.callInt(LinuxLibrary.fcntl.address(), descriptor, command, argument);
    }

    private static long call(String what, MemorySegment function, Object... arguments) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = Downcall.allocateState(arena);
            long result = Downcall.callLongKeepingErrno(state, function, arguments);
            if ((int) result == -1) { // What returns an int leaves the upper half as it likes.
                throw failed(what, Downcall.errno(state));
            }
            return result;
        }
    }

    private static IOException failed(String what, int error) {
        String remedy = switch (error) {
            case NOT_PERMITTED, DENIED, NO_CALL ->
                "a filter of system calls (seccomp) forbids it: allow it there"
                        + (what.equals("memfd_create") ? ", or give the secret by --fd" : "");
            case TOO_MANY, TOO_MANY_OF_ALL -> "too many files are open: raise ulimit -n";
            default -> "the command was not run";
        };
        return new IOException(what + " failed (" + Posix.errorText(error) + "); " + remedy);
    }

    /**
     * Puts all in their places, or throws and has changed nothing. No class may be loaded between this and {@link
     * #restore}: its jar may be closed.
     */
    void place() throws IOException {
        var open = new HashSet<Integer>();
        try (var all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            all.forEach(file -> open.add(Integer.valueOf(file.getFileName().toString())));
        }
        for (var entry : sources.entrySet()) {
            int number = entry.getKey();
            if (number != entry.getValue() && control(number, F_GETFD, 0) >= 0) {
                replaced.put(number, copy(number, FIRST, number));
            }
        }
        for (int number : open) {
            if (!kept.contains(number)) {
                control(number, LinuxLibrary.F_SETFD(), LinuxLibrary.FD_CLOEXEC()); // Fails for the listing's own.
            }
        }
        for (int number : kept) {
            control(number, LinuxLibrary.F_SETFD(), 0); // 0 to 2 may be closed.
        }
        boolean done = true;
        for (var entry : sources.entrySet()) {
            int number = entry.getKey();
            done &= number == entry.getValue()
                    ? control(number, LinuxLibrary.F_SETFD(), 0) == 0
                    : LinuxLibrary.dup2(entry.getValue(), number) == number;
        }
        if (!done) {
            restore();
            throw new IOException("a secret could not be put on its descriptor (ulimit -n?); the command was not run");
        }
    }

    /** Undoes that where the program could not be run. */
    void restore() {
        for (var entry : sources.entrySet()) {
            int number = entry.getKey();
            Integer before = replaced.get(number);
            if (before != null) {
                LinuxLibrary.dup2(before, number);
            } else if (number != entry.getValue()) {
                LinuxLibrary.close(number);
            }
        }
    }
}
