package io.memguard.os;

import static io.memguard.ffi.linux.LinuxLibrary.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.ffi.linux.termios;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads a line from the terminal of this process (/dev/tty) without showing it, byte by byte into protected memory.
 *
 * <p>Not guaranteed: the kernel's own buffer of the line, at most 4,096 bytes, is not wiped.
 */
public final class Terminal {
    private static final int LONGEST_LINE = 4095; // What the kernel's line discipline takes.

    private Terminal() {}

    /** Whether a descriptor (0 standard input, 1 output, 2 error) is a terminal. */
    public static boolean is(int descriptor) {
        return isatty(descriptor) == 1;
    }

    /** Writes a prompt and reads one line, without its end; the caller closes the buffer. */
    public static SecretBuffer readSecret(String prompt) {
        int terminal;
        try {
            terminal = Posix.openExisting(Path.of("/dev/tty"));
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "there is no terminal to ask for the secret; give it by a file, a descriptor or a systemd credential",
                    e);
        }
        try (var arena = Arena.ofConfined()) {
            var before = termios.allocate(arena);
            if (tcgetattr(terminal, before) != 0) {
                throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "the terminal does not answer");
            }
            // The settings come back also when the user interrupts the program.
            var restore = new Thread(() -> restore(terminal, before));
            Runtime.getRuntime().addShutdownHook(restore);
            try {
                var quiet = termios.allocate(arena).copyFrom(before);
                termios.c_lflag(quiet, termios.c_lflag(quiet) & ~ECHO());
                tcsetattr(terminal, TCSAFLUSH(), quiet);
                print(terminal, prompt, arena);
                return readLine(terminal);
            } finally {
                restore(terminal, before);
                print(terminal, "\n", arena);
                Runtime.getRuntime().removeShutdownHook(restore);
            }
        } finally {
            Posix.closeQuietly(terminal);
        }
    }

    private static SecretBuffer readLine(int terminal) {
        try (var line = SecretBuffer.allocate(LONGEST_LINE)) {
            long length = line.<Long, RuntimeException>write(segment -> {
                long filled = 0;
                while (filled < segment.byteSize() && read(terminal, segment.asSlice(filled), 1) == 1) {
                    if (segment.get(ValueLayout.JAVA_BYTE, filled) == '\n') {
                        return filled;
                    }
                    filled++;
                }
                return filled;
            });
            return line.<SecretBuffer, RuntimeException>read(
                    segment -> SecretBuffer.copyOf(segment.asSlice(0, length)));
        }
    }

    private static void restore(int terminal, MemorySegment settings) {
        tcsetattr(terminal, TCSAFLUSH(), settings);
    }

    private static void print(int terminal, String text, Arena arena) {
        var bytes = arena.allocateFrom(text, StandardCharsets.UTF_8);
        write(terminal, bytes, bytes.byteSize() - 1);
    }
}
