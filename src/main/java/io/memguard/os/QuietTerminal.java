package io.memguard.os;

import static io.memguard.ffi.gen.linux.LinuxLibrary.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.termios;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The terminal of this process (/dev/tty) while it is asked for secrets: it shows nothing of what is typed, and gives each
 * byte at once, so that none is lost in a line that is too long for the kernel. Its settings come back when this is closed,
 * when the process ends by a signal or is stopped by one; continued, it is quiet again.
 *
 * <p>Ctrl-\ counts as Ctrl-C, and SIGQUIT is ignored: Java would print the stacks of its threads.
 */
final class QuietTerminal implements AutoCloseable {
    private static final int NOW = 0; // TCSANOW
    private static final int V_INTERRUPT = 0; // VINTR, and so on
    private static final int V_QUIT = 1;
    private static final int V_TIME = 5;
    private static final int V_MINIMUM = 6;
    private static final int INTERRUPTED = 4; // EINTR
    private static final long PATIENCE = 1_000; // milliseconds

    /** None was there. */
    static final int NOTHING = -1;

    /** The terminal has gone. */
    static final int ENDED = -2;

    private final int descriptor;
    private final MemorySegment before;
    private final MemorySegment quiet;
    private final Thread atExit = new Thread(this::end);
    private final @Nullable Object stopped;
    private final @Nullable Object continued;
    private final MemorySegment quit;
    private volatile boolean ending;
    private volatile int continuations;
    private volatile String shown = "";
    private boolean closed;

    QuietTerminal() {
        descriptor = open();
        var arena = Arena.ofAuto(); // Used by the threads of signals and of the shutdown, too.
        before = termios.allocate(arena);
        if (tcgetattr(descriptor, before) != 0) {
            Posix.closeQuietly(descriptor);
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "the terminal does not answer; nothing was changed");
        }
        quiet = termios.allocate(arena).copyFrom(before);
        termios.c_lflag(quiet, termios.c_lflag(quiet) & ~(ECHO() | ECHONL() | ICANON()));
        special(quiet, V_QUIT, 0);
        quit = Signals.ignoreQuit();
        try {
            Runtime.getRuntime().addShutdownHook(atExit);
        } catch (IllegalStateException e) {
            parkForever(); // The process is ending.
        }
        stopped = Signals.handle("TSTP", this::stop);
        continued = Signals.handle("CONT", this::goOn);
        waitFor(1, 0);
    }

    private static int open() {
        try {
            return Posix.openExisting(Path.of("/dev/tty"));
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "there is no terminal to ask for the secret; give it by a file, a descriptor or a systemd credential",
                    e);
        }
    }

    /** What a special character is, such as Ctrl-D; 0 where there is none. */
    int special(int which) {
        return termios.c_cc(before).get(ValueLayout.JAVA_BYTE, which) & 0xff;
    }

    private static void special(MemorySegment settings, int which, int character) {
        termios.c_cc(settings).set(ValueLayout.JAVA_BYTE, which, (byte) character);
    }

    /** Whether Enter comes as a carriage return. */
    boolean keepsReturns() {
        return (termios.c_iflag(before) & 0400) == 0; // ICRNL
    }

    /** How often this process was stopped and went on. */
    int continuations() {
        return continuations;
    }

    /** Shows a prompt, again whenever this process goes on; what was typed before it does not count, which is said. */
    void show(String prompt) {
        boolean early = false;
        try (var arena = Arena.ofConfined()) {
            var one = arena.allocate(1);
            waitFor(0, 0);
            while (next(one) >= 0) {
                early = true;
            }
            one.fill((byte) 0);
        }
        waitFor(1, 0);
        shown = prompt;
        print(early ? "(what was typed before this question is not taken)\n" + prompt : prompt);
    }

    /** Waits for one more byte, and puts it there. */
    int next(MemorySegment into) {
        try (var arena = Arena.ofConfined()) {
            var state = Downcall.allocateState(arena);
            while (true) {
                long count = Downcall.callLongKeepingErrno(state, read$address(), descriptor, into, 1L);
                if (ending) {
                    parkForever();
                }
                if (count == 1) {
                    int typed = into.get(ValueLayout.JAVA_BYTE, 0) & 0xff;
                    if (typed != 0 && (typed == special(V_QUIT) || typed == special(V_INTERRUPT))) {
                        interrupt();
                    }
                    return typed;
                }
                if (count == 0) {
                    return minimum() == 0 ? NOTHING : ENDED;
                }
                if (Downcall.errno(state) != INTERRUPTED) {
                    return ENDED;
                }
            }
        }
    }

    /** Drops what comes, until nothing has come for a fifth of a second; whether that was more than ends of lines. */
    boolean drop() {
        boolean text = false;
        waitFor(0, 2);
        try (var arena = Arena.ofConfined()) {
            var one = arena.allocate(1);
            for (int next = next(one); next >= 0; next = next(one)) {
                text |= next != '\n' && next != '\r';
            }
            one.fill((byte) 0);
        }
        waitFor(1, 0);
        return text;
    }

    void print(String text) {
        try (var arena = Arena.ofConfined()) {
            var bytes = arena.allocateFrom(text, StandardCharsets.UTF_8);
            write(descriptor, bytes, bytes.byteSize() - 1);
        }
    }

    /** @param tenths of a second, after which {@link #next} comes back with nothing where the minimum is 0 */
    private synchronized void waitFor(int minimum, int tenths) {
        special(quiet, V_MINIMUM, minimum);
        special(quiet, V_TIME, tenths);
        tcsetattr(descriptor, NOW, quiet);
    }

    private int minimum() {
        return termios.c_cc(quiet).get(ValueLayout.JAVA_BYTE, V_MINIMUM);
    }

    /** As Ctrl-C does, by whose signal the process ends. */
    private void interrupt() {
        Signals.interrupt();
        long until = System.currentTimeMillis() + PATIENCE;
        while (System.currentTimeMillis() < until) {
            if (ending) {
                parkForever();
            }
            LockSupport.parkNanos(1_000_000);
        }
        throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "interrupted; nothing was changed");
    }

    private static void parkForever() {
        while (true) {
            LockSupport.park();
        }
    }

    private synchronized void stop() {
        if (closed || ending) {
            return;
        }
        restore();
        Signals.stop();
        goOn();
    }

    private synchronized void goOn() {
        if (closed || ending || !Signals.isForeground(descriptor)) {
            return; // In the background the read is what stops it.
        }
        try (var arena = Arena.ofConfined()) {
            var now = termios.allocate(arena);
            tcgetattr(descriptor, now);
            if (termios.c_lflag(now) != termios.c_lflag(quiet)) {
                tcsetattr(descriptor, NOW, quiet);
                continuations++;
                print(shown);
            }
        }
    }

    /** Not from the background, where the terminal is another program's. */
    private void restore() {
        if (Signals.isForeground(descriptor)) {
            tcsetattr(descriptor, NOW, before);
        }
    }

    private void end() {
        ending = true;
        synchronized (this) {
            if (!closed) {
                restore();
                print(shown.isEmpty() ? "" : "\n");
            }
        }
    }

    /** A question was answered. */
    void answered() {
        shown = "";
        print("\n");
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            restore();
        }
        Signals.restore("TSTP", stopped);
        Signals.restore("CONT", continued);
        Signals.restoreQuit(quit);
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            parkForever(); // The process is ending: what was asked for is not done any more.
        }
        Posix.closeQuietly(descriptor);
    }
}
