package io.memguard.os;

import static io.memguard.ffi.Downcall.callLongKeepingErrno;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.LinuxLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * A file descriptor that this process was started with, read by read(2) from where it stands: what it is, who may open it
 * by a name and who opened it make no difference. It is never closed. Not thread-safe.
 */
public final class InheritedDescriptor implements ReadableByteChannel {
    /** In it the launcher says which descriptors there were before Java opened its own; not passed on. */
    public static final String LIST = "MEMGUARD_DESCRIPTORS";

    private static final int F_GETFD = 1;
    private static final int SEEK_CUR = 1;
    private static final int INTERRUPTED = 4; // EINTR
    private static final int NOT_YET = 11; // EAGAIN
    private static final long PAUSE = 5; // milliseconds

    private final int number;
    private final long start;

    /**
     * The descriptor of a number.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where this process was not given one of this number
     */
    public InheritedDescriptor(int number) {
        requireOpen(number);
        this.number = number;
        this.start = LinuxLibrary.lseek(number, 0, SEEK_CUR);
    }

    private static void requireOpen(int number) {
        if (!isOpen(number)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "file descriptor " + number + " is not open; redirect something to it, as in " + number + "<FILE");
        }
    }

    /** Whether this process was given a descriptor of this number, and has it still. */
    public static boolean isOpen(int number) {
        if (number < 0 || Downcall.callInt(LinuxLibrary.fcntl.address(), number, F_GETFD) != 0) {
            return false; // Those that were passed on have no flag.
        }
        String listed = System.getenv(LIST);
        return listed != null
                ? Arrays.asList(listed.strip().split(" ")).contains(Integer.toString(number))
                : !isOfJava(number);
    }

    /** Java does not mark all that it opens. */
    private static boolean isOfJava(int number) {
        try {
            Path file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + number));
            String paths = System.getProperty("jdk.module.path", "") + ":" + System.getProperty("java.class.path", "");
            return number > 2
                    && (file.startsWith(Path.of(System.getProperty("java.home", "/"))
                                    .toRealPath())
                            || file.toString().matches("/dev/u?random|/proc/[0-9]+/fd|.*\\.jsa")
                            || Stream.of(paths.split(":")).anyMatch(path -> isIn(file, path)));
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }

    private static boolean isIn(Path file, String path) {
        return !path.isEmpty() && file.startsWith(Path.of(path).toAbsolutePath().normalize());
    }

    /** Into a buffer outside of the heap. */
    @Override
    public int read(ByteBuffer into) throws IOException {
        var segment = MemorySegment.ofBuffer(into);
        try (var arena = Arena.ofConfined()) {
            var state = Downcall.allocateState(arena);
            while (true) {
                int count = (int)
                        callLongKeepingErrno(state, LinuxLibrary.read$address(), number, segment, segment.byteSize());
                if (count >= 0) {
                    into.position(into.position() + count);
                    return count == 0 && segment.byteSize() > 0 ? -1 : count;
                }
                int error = Downcall.errno(state);
                if (error == NOT_YET) {
                    pause();
                } else if (error != INTERRUPTED) {
                    throw new IOException(LinuxLibrary.strerror(error).getString(0));
                }
            }
        }
    }

    /** Its other end does not block, and so this one does not. */
    private static void pause() throws IOException {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("the thread was interrupted", e);
        }
    }

    @Override
    public boolean isOpen() {
        return isOpen(number);
    }

    /** Puts it back to where it stood, where that is possible, so that it can be read again. */
    @Override
    public void close() {
        if (start >= 0) {
            LinuxLibrary.lseek(number, start, LinuxLibrary.SEEK_SET());
        }
    }
}
