package io.memguard.adapters;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.Secret;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A secret that is UTF-8, as the text on the heap that other libraries ask for: one copy, no garbage beside it. */
public final class Text {
    /** Uses characters that are wiped afterwards. */
    @FunctionalInterface
    public interface Use<R> {
        /** Must not keep the array. */
        R use(char[] characters);
    }

    private Text() {}

    /**
     * The characters, which are the caller's to wipe.
     *
     * @throws MemGuardException INVALID_ARGUMENTS where it is not UTF-8
     */
    public static char[] of(Secret secret) {
        return secret.<char[], RuntimeException>read(Text::decode);
    }

    /** Lends the characters. */
    public static <R> R with(Secret secret, Use<R> use) {
        char[] characters = of(secret);
        try {
            return use.use(characters);
        } finally {
            Arrays.fill(characters, '\0');
        }
    }

    private static char[] decode(MemorySegment utf8) {
        char[] characters = new char[length(utf8)];
        var decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        var out = CharBuffer.wrap(characters);
        CoderResult result = decoder.decode(utf8.asByteBuffer(), out, true);
        if (!result.isUnderflow() || out.hasRemaining()) {
            Arrays.fill(characters, '\0');
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS, "this secret is not text in UTF-8; store it as such");
        }
        return characters;
    }

    /** How many chars: one for each character's first byte, two for one of four bytes. */
    private static int length(MemorySegment utf8) {
        int length = 0;
        for (long i = 0; i < utf8.byteSize(); i++) {
            int octet = utf8.get(ValueLayout.JAVA_BYTE, i);
            length += (octet & 0xC0) == 0x80 ? 0 : (octet & 0xF8) == 0xF0 ? 2 : 1;
        }
        return length;
    }

    /** A name that is needed, such as a user's. */
    public static String required(@Nullable String text, String what) {
        if (text == null || text.isEmpty()) {
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, what + " is needed");
        }
        return text;
    }
}
