package io.memguard.os;

import static io.memguard.ffi.gen.linux.LinuxLibrary.isatty;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Asks for secrets on the terminal of this process (/dev/tty) without showing them, byte by byte into protected memory. Only
 * Enter ends a line, and only what was typed after the prompt counts; else nothing was entered. One prompt at a time.
 *
 * <p>Not guaranteed: the kernel's own buffer of the terminal, at most 4,096 bytes, is not wiped.
 */
public final class Terminal {
    /** The longest line, in bytes. */
    public static final int LONGEST_LINE = 4095;

    /** The longest text of several lines, in bytes. */
    public static final int LONGEST_TEXT = 1 << 20;

    private static final String HINT =
            "; nothing was changed; give it by a file (--file), or in the mode for several lines (--multiline)";

    private static @Nullable QuietTerminal open;
    private static int holders;

    private Terminal() {}

    /** Whether a descriptor (0 standard input, 1 output, 2 error) is a terminal. */
    public static boolean is(int descriptor) {
        return isatty(descriptor) == 1;
    }

    /** Until it is closed the terminal stays quiet between one prompt and the next, so that nothing is shown then either. */
    public interface Quiet extends AutoCloseable {
        @Override
        void close();
    }

    /** For a command that asks more than once; nothing changes before the first prompt. */
    public static Quiet keepQuiet() {
        synchronized (Terminal.class) {
            holders++;
        }
        return Terminal::release;
    }

    /** Whether this process has a terminal that it could ask. */
    public static boolean isThere() {
        try {
            Posix.closeQuietly(Posix.openExisting(Path.of("/dev/tty")));
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Shows a prompt and reads one line, without its end; the caller closes the buffer.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where there is no terminal, where it went away or Ctrl-D was typed, and
     *     where more than a line was entered
     */
    public static synchronized SecretBuffer readSecret(String prompt) {
        return ask(prompt, false);
    }

    /**
     * Shows a prompt and reads lines, with their ends, until Ctrl-D; the caller closes the buffer.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where there is no terminal, where it went away, and where more than
     *     {@link #LONGEST_TEXT} was entered
     */
    public static synchronized SecretBuffer readLines(String prompt) {
        return ask(prompt, true);
    }

    private static SecretBuffer ask(String prompt, boolean lines) {
        holders++;
        try {
            var terminal = open;
            if (terminal == null) {
                terminal = new QuietTerminal();
                open = terminal;
            }
            return read(terminal, prompt, lines);
        } finally {
            release();
        }
    }

    private static SecretBuffer read(QuietTerminal terminal, String prompt, boolean lines) {
        var typing = new Typing(terminal, lines, lines ? LONGEST_TEXT : LONGEST_LINE);
        try {
            terminal.show(prompt);
            var end = typing.read();
            boolean dropped =
                    end != Typing.End.GONE && terminal.drop(); // In any case: the next program must not read it.
            boolean more = dropped || end == Typing.End.FULL;
            terminal.answered();
            if (end == Typing.End.GONE || (end == Typing.End.END_OF_FILE && !(lines && !typing.isEmpty()))) {
                throw failure("nothing was entered; nothing was changed");
            }
            if (end == Typing.End.FULL) {
                throw failure("more than " + (lines ? LONGEST_TEXT : LONGEST_LINE) + " bytes were entered" + HINT);
            }
            if (!lines && (more || typing.startsWith("-----BEGIN "))) {
                throw failure("more than one line was entered" + HINT);
            }
            return typing.value();
        } finally {
            typing.close();
        }
    }

    private static MemGuardException failure(String message) {
        return new MemGuardException(ErrorCode.INVALID_ARGUMENTS, message);
    }

    private static synchronized void release() {
        var terminal = open;
        if (--holders == 0 && terminal != null) {
            open = null;
            terminal.close();
        }
    }
}
