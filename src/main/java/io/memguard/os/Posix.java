package io.memguard.os;

import static io.memguard.ffi.linux.LinuxLibrary.*;

import io.memguard.ffi.linux.flock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;

/**
 * File operations that a thread's interrupt must not undo: {@code FileChannel} closes itself when its thread is
 * interrupted, and with that would drop locks and half-written files of other threads.
 */
public final class Posix {
    private static final int INTERRUPTED = 4; // EINTR
    private static final int DENIED = 13; // EACCES
    private static final int OWNER_READ_WRITE = 0600;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");
    private static final long ERRNO = STATE.byteOffset(StructLayout.PathElement.groupElement("errno"));

    // By hand: generated handles keep no errno.
    private static final MethodHandle OPEN = LINKER.downcallHandle(
            open.address(),
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
            CAPTURE,
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle FSYNC = LINKER.downcallHandle(fsync$address(), fsync$descriptor(), CAPTURE);
    private static final MethodHandle WRITE = LINKER.downcallHandle(write$address(), write$descriptor(), CAPTURE);
    private static final MethodHandle FCNTL = LINKER.downcallHandle(
            fcntl.address(),
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS),
            CAPTURE,
            Linker.Option.firstVariadicArg(2));

    private Posix() {}

    /** The effective user, by number. */
    public static int effectiveUser() {
        return geteuid();
    }

    /** Opens a file for reading and writing, made with mode 0600 where it is missing; never follows a link. */
    public static int openOrCreate(Path file) throws IOException {
        return openAt(file, O_RDWR() | O_CREAT() | O_CLOEXEC() | O_NOFOLLOW());
    }

    /** Opens a file or a device for reading and writing. */
    static int openExisting(Path file) throws IOException {
        return openAt(file, O_RDWR() | O_CLOEXEC());
    }

    /** Makes a file of mode 0600 where there was none, and opens it. */
    static int createNew(Path file) throws IOException {
        return openAt(file, O_RDWR() | O_CREAT() | O_EXCL() | O_CLOEXEC() | O_NOFOLLOW());
    }

    /** Writes at the descriptor's place, and waits until it is durable. */
    static void writeDurably(int descriptor, Path file, byte[] content) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = arena.allocate(STATE);
            var rest = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
            while (rest.byteSize() > 0) {
                long written = (long) WRITE.invokeExact(state, descriptor, rest, rest.byteSize());
                if (written >= 0) {
                    rest = rest.asSlice(written);
                } else if (state.get(ValueLayout.JAVA_INT, ERRNO) != INTERRUPTED) {
                    throw failure("write", file, state);
                }
            }
            if ((int) FSYNC.invokeExact(state, descriptor) != 0) {
                throw failure("fsync", file, state);
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Closes a descriptor; a failure has no consequence that the caller could act on. */
    public static void closeQuietly(int descriptor) {
        close(descriptor);
    }

    /** Makes the names in a directory durable; see fsync(2). */
    public static void syncDirectory(Path directory) throws IOException {
        int descriptor = openAt(directory, O_RDONLY() | O_DIRECTORY() | O_CLOEXEC());
        try (var arena = Arena.ofConfined()) {
            var state = arena.allocate(STATE);
            if ((int) FSYNC.invokeExact(state, descriptor) != 0) {
                throw failure("fsync", directory, state);
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        } finally {
            close(descriptor);
        }
    }

    /**
     * Locks a range of bytes for this open file alone, or unlocks it (an open file description lock, fcntl(2)): a second
     * open of the same file conflicts also within one process, and closing another descriptor drops nothing.
     *
     * @param wait whether to wait for it
     * @return false where somebody else holds it and {@code wait} is false
     */
    public static boolean lock(int descriptor, long start, long length, boolean wait) throws IOException {
        return lockCall(descriptor, wait ? F_OFD_SETLKW() : F_OFD_SETLK(), F_WRLCK(), start, length);
    }

    /** Unlocks a range of bytes. */
    public static void unlock(int descriptor, long start, long length) throws IOException {
        lockCall(descriptor, F_OFD_SETLK(), F_UNLCK(), start, length);
    }

    private static boolean lockCall(int descriptor, int command, int type, long start, long length) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = arena.allocate(STATE);
            var range = flock.allocate(arena); // l_pid must be 0 for this kind of lock
            flock.l_type(range, (short) type);
            flock.l_whence(range, (short) SEEK_SET());
            flock.l_start(range, start);
            flock.l_len(range, length);
            while (true) {
                if ((int) FCNTL.invokeExact(state, descriptor, command, range) == 0) {
                    return true;
                }
                int error = state.get(ValueLayout.JAVA_INT, ERRNO);
                if (error == 11 || error == DENIED) { // EAGAIN or EACCES: held by somebody else
                    return false;
                }
                if (error != INTERRUPTED) {
                    throw new IOException("can't lock: " + text(error));
                }
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static int openAt(Path file, int flags) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var state = arena.allocate(STATE);
            var path = arena.allocateFrom(file.toString());
            int descriptor = (int) OPEN.invokeExact(state, path, flags, OWNER_READ_WRITE);
            if (descriptor < 0) {
                throw failure("open", file, state);
            }
            return descriptor;
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static IOException failure(String call, Path file, MemorySegment state) {
        int error = state.get(ValueLayout.JAVA_INT, ERRNO);
        return error == DENIED
                ? new AccessDeniedException(file.toString())
                : new IOException(call + " " + file + ": " + text(error));
    }

    private static String text(int error) {
        return strerror(error).getString(0);
    }
}
