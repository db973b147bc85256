package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.soak.Size;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The short form of {@code scripts/soak size}: heaps that are small beside what is stored. */
class SizeTest {
    private static double figure(String said, String name) {
        var line = Pattern.compile("^" + Pattern.quote(name) + " ([0-9.]+) ", Pattern.MULTILINE)
                .matcher(said);
        assertTrue(line.find(), said);
        return Double.parseDouble(line.group(1));
    }

    private static String run(String heap, String... arguments) throws Exception {
        try (var child = ChildJvm.start(Size.class, List.of(), List.of(heap, "-XX:+UseSerialGC"), List.of(arguments))) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            return said;
        }
    }

    @Test
    void namesOfMoreThanTheHeapPassThroughEveryCallAndARotationTakesAsLongAsStoringThem() throws Exception {
        String said = run("-Xmx8m", "names", "/dev/shm", "6000", "1000");
        double stored = figure(said, "storeAll.cpu");
        assertTrue(figure(said, "rotate.cpu") <= 1.3 * stored, said); // Others run beside it: the clock says little.
    }

    @Test
    void aValueOfManyTimesTheHeapPassesThroughEveryCall() throws Exception {
        run("-Xmx12m", "values", "/dev/shm", "1", Long.toString(32 << 20));
    }

    @Test
    void aRotationHoldsNoGroupOfLargeFilesOnTheHeap() throws Exception {
        run("-Xmx12m", "values", "/dev/shm", "10", Long.toString(3 << 20));
    }
}
