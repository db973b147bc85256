package io.memguard.os;

import io.memguard.SecretBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** What is typed at a prompt, into protected memory, with the keys that correct it: erase, word erase, kill, literal next. */
final class Typing {
    private static final int V_ERASE = 2; // VERASE, and so on
    private static final int V_KILL = 3;
    private static final int V_END = 4;
    private static final int V_WORD = 14;
    private static final int V_LITERAL = 15;
    private static final int BACKSPACE = 8;
    private static final int SMALLEST = 4096;

    /** How it ended. */
    enum End {
        /** By Enter. */
        LINE,
        /** By Ctrl-D. */
        END_OF_FILE,
        /** The terminal went away. */
        GONE,
        /** It is too long. */
        FULL
    }

    private final QuietTerminal terminal;
    private final boolean lines;
    private final long limit;
    private SecretBuffer typed;
    private long length;
    private boolean literal;

    /** @param lines whether Enter is a part of it, and Ctrl-D its end */
    Typing(QuietTerminal terminal, boolean lines, long limit) {
        this.terminal = terminal;
        this.lines = lines;
        this.limit = limit;
        this.typed = SecretBuffer.allocate(Math.min(limit + 1, SMALLEST));
    }

    End read() {
        while (true) {
            var end = typed.<@Nullable End, RuntimeException>write(this::fill);
            if (end != null) {
                return end;
            }
            grow();
        }
    }

    /** Nothing where there is no more room. */
    private @Nullable End fill(MemorySegment text) {
        int continuations = terminal.continuations();
        while (length < text.byteSize()) {
            var here = text.asSlice(length, 1);
            int next = terminal.next(here);
            if (next < 0) {
                return End.GONE;
            }
            if (terminal.continuations() != continuations) { // The prompt was shown again: typing starts over.
                continuations = terminal.continuations();
                text.asSlice(0, length).fill((byte) 0);
                text.set(ValueLayout.JAVA_BYTE, 0, (byte) next);
                length = 0;
            }
            var end = take(text, next);
            if (end != null) {
                return end;
            }
        }
        return length > limit ? End.FULL : null;
    }

    private @Nullable End take(MemorySegment text, int next) {
        if (literal) {
            literal = false;
            length++;
        } else if (next == '\n' || (next == '\r' && terminal.keepsReturns())) {
            if (!lines) {
                return End.LINE;
            }
            text.set(ValueLayout.JAVA_BYTE, length++, (byte) '\n');
        } else if (is(next, V_END)) {
            return End.END_OF_FILE;
        } else if (is(next, V_ERASE) || next == BACKSPACE) {
            erase(text);
        } else if (is(next, V_KILL)) {
            length = 0;
        } else if (is(next, V_WORD)) {
            eraseWord(text);
        } else if (is(next, V_LITERAL)) {
            literal = true;
        } else {
            length++;
        }
        return length > limit ? End.FULL : null;
    }

    private boolean is(int typedByte, int which) {
        return typedByte != 0 && typedByte == terminal.special(which);
    }

    /** One character of UTF-8. */
    private void erase(MemorySegment text) {
        while (length > 0 && (text.get(ValueLayout.JAVA_BYTE, --length) & 0xc0) == 0x80) {
            // Its first byte is still to go.
        }
    }

    private void eraseWord(MemorySegment text) {
        while (length > 0 && text.get(ValueLayout.JAVA_BYTE, length - 1) == ' ') {
            length--;
        }
        while (length > 0 && text.get(ValueLayout.JAVA_BYTE, length - 1) != ' ') {
            length--;
        }
    }

    private void grow() {
        var larger = SecretBuffer.allocate(Math.min(limit + 1, 4 * typed.size()));
        try (var smaller = typed) {
            typed = larger;
            smaller.<@Nullable Void, RuntimeException>read(
                    from -> larger.<@Nullable Void, RuntimeException>write(to -> {
                        MemorySegment.copy(from, 0, to, 0, from.byteSize());
                        return null;
                    }));
        }
    }

    /** Whether it begins like this. */
    boolean startsWith(String ascii) {
        return length >= ascii.length()
                && typed.<Boolean, RuntimeException>read(text -> {
                    for (int i = 0; i < ascii.length(); i++) {
                        if (text.get(ValueLayout.JAVA_BYTE, i) != ascii.charAt(i)) {
                            return false;
                        }
                    }
                    return true;
                });
    }

    boolean isEmpty() {
        return length == 0;
    }

    /** A copy of it, as long as it is. */
    SecretBuffer value() {
        return typed.<SecretBuffer, RuntimeException>read(text -> SecretBuffer.copyOf(text.asSlice(0, length)));
    }

    /** Wipes it. */
    void close() {
        typed.close();
    }
}
