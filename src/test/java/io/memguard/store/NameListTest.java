package io.memguard.store;

import static org.junit.jupiter.api.Assertions.*;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class NameListTest {
    /** At the borders of UTF-8's lengths, of surrogates, and of what UTF-16 sorts after them. */
    private static final int[] CODE_POINTS = {
        0, 'a', 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xEFFF, 0xF000, 0xFFFD, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF
    };

    private static NameList listOf(Iterable<String> names) {
        var builder = new NameList.Builder();
        names.forEach(builder::add);
        return builder.sorted();
    }

    @Test
    void namesOfAnyCharactersAreInTheOrderOfStringsAndEachOnce() {
        var random = new SplittableRandom(1);
        var names = new ArrayList<String>();
        for (int i = 0; i < 20_000; i++) {
            var name = new StringBuilder();
            for (int n = random.nextInt(1, 5); n > 0; n--) {
                name.appendCodePoint(CODE_POINTS[random.nextInt(CODE_POINTS.length)]);
            }
            names.add(name.toString());
        }
        assertEquals(List.copyOf(new TreeSet<>(names)), listOf(names));
    }

    @Test
    void theLongestNamesFillManyPiecesOfMemory() {
        var names = new TreeSet<String>();
        for (int i = 0; i < 5000; i++) {
            names.add(("%08d".formatted(i) + "x".repeat(SecretName.MAX_BYTES))
                    .substring(0, SecretName.MAX_BYTES - i % 9));
        }
        assertEquals(List.copyOf(names), listOf(names.descendingSet()));
    }

    @Test
    void aListOfNamesDoesNotChange() {
        List<String> names = listOf(List.of("b", "a"));
        assertThrows(UnsupportedOperationException.class, () -> names.add("c"));
        assertThrows(UnsupportedOperationException.class, () -> names.set(0, "c"));
        assertThrows(UnsupportedOperationException.class, () -> names.removeFirst());
        assertThrows(IndexOutOfBoundsException.class, () -> names.get(2));
        assertEquals(List.of(), listOf(List.of()));
    }
}
