package io.memguard.cli.exec;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.ffi.Downcall;
import io.memguard.ffi.gen.linux.LinuxLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Replaces this process by another program; see execve(2). */
public final class ProcessImage {
    private static final int MISSING = 2; // ENOENT
    private static final int TOO_BIG = 7; // E2BIG
    private static final long SIGNAL_SET = 128; // sizeof(sigset_t)

    private ProcessImage() {}

    /** The program could not be run; nothing has changed. */
    public static final class NotRunException extends IOException {
        private static final long serialVersionUID = 1;

        /** Whether there is no such program, or else it is there and can't be run. */
        public final boolean missing;

        NotRunException(String program, int error) {
            super("can't run " + program + ": " + LinuxLibrary.strerror(error).getString(0)
                    + (error == TOO_BIG
                            ? " (with the environment; give the secrets by --fd or --memfd, or raise ulimit -s)"
                            : ""));
            this.missing = error == MISSING;
        }
    }

    /**
     * Goes on as another program, found in PATH, in the same process: with its number, its terminal, its directory, its
     * standard streams and its blocked signals as they were when this one was started. All memory of this one is gone, its
     * other threads, too. Signals that it handled have their default meaning again; those that were ignored stay so, but
     * for SIGPIPE and SIGQUIT, which the JVM handles whatever they were.
     *
     * @throws NotRunException where that fails; otherwise this does not return
     */
    public static void replace(List<String> command, EnvironmentBlock environment, ChildDescriptors descriptors)
            throws IOException {
        try (var arena = Arena.ofConfined()) {
            var arguments = arena.allocate(ValueLayout.ADDRESS, command.size() + 1L);
            for (int i = 0; i < command.size(); i++) {
                arguments.setAtIndex(ValueLayout.ADDRESS, i, text(arena, command.get(i)));
            }
            var state = Downcall.allocateState(arena);
            var before = arena.allocate(SIGNAL_SET, Long.BYTES);
            var blocked = blockedAtStart(arena);
            var execvpe = LinuxLibrary.execvpe$address(); // Now: its class may not be loaded later.
            int error = environment.lend(block -> {
                LinuxLibrary.pthread_sigmask(LinuxLibrary.SIG_SETMASK(), blocked, before);
                try {
                    descriptors.place();
                    try {
                        int result = Downcall.callIntKeepingErrno(
                                state, execvpe, arguments.getAtIndex(ValueLayout.ADDRESS, 0), arguments, block);
                        return result == 0 ? 0 : Downcall.errno(state);
                    } finally {
                        descriptors.restore();
                    }
                } finally {
                    LinuxLibrary.pthread_sigmask(LinuxLibrary.SIG_SETMASK(), before, MemorySegment.NULL);
                }
            });
            throw new NotRunException(command.getFirst(), error);
        }
    }

    private static MemorySegment text(Arena arena, String argument) {
        if (argument.indexOf('\0') >= 0) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "an argument has a zero character");
        }
        return arena.allocateFrom(argument, StandardCharsets.UTF_8);
    }

    /** Threads of Java block SIGQUIT. The process's first thread, which the launcher left waiting, blocks what it was given. */
    private static MemorySegment blockedAtStart(Arena arena) throws IOException {
        var set = arena.allocate(SIGNAL_SET, Long.BYTES);
        try (var lines = Files.lines(Path.of("/proc/self/status"), StandardCharsets.ISO_8859_1)) {
            lines.filter(line -> line.startsWith("SigBlk:"))
                    .findFirst()
                    .ifPresent(line -> set.set(
                            ValueLayout.JAVA_LONG,
                            0,
                            Long.parseUnsignedLong(line.substring(7).strip(), 16)));
        }
        return set;
    }
}
