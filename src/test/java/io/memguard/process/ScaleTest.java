package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.bench.Scale;
import io.memguard.os.Posix;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The short form of what scripts/bench does with a million. */
class ScaleTest {
    private static double figure(String said, String name) {
        var line = Pattern.compile("^" + Pattern.quote(name) + " ([0-9.]+) ", Pattern.MULTILINE)
                .matcher(said);
        assertTrue(line.find(), said);
        return Double.parseDouble(line.group(1));
    }

    @Test
    void aHundredThousandSecretsTakeLittleMemoryAndHardlyAnyLockedOne() throws Exception {
        var limited = new ArrayList<>(List.of("prlimit", "--memlock=8388608:8388608"));
        if (Posix.effectiveUser() == 0) {
            limited.addAll(List.of("setpriv", "--bounding-set=-ipc_lock")); // root is above the limit otherwise
        }
        try (var child = ChildJvm.start(Scale.class, limited, List.of("100000", "5000"))) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            assertEquals(100_000, figure(said, "items"), said);
            assertTrue(figure(said, "native.per.secret") <= 160, said);
            assertTrue(figure(said, "heap.per.secret") <= 130, said); // 20 of it to notice a restore
            assertTrue(figure(said, "locked") <= 8192, said);
            assertTrue(figure(said, "mappings") < 5000, said);
            assertEquals(0, figure(said, "items.after.cleanup"), said);
        }
    }
}
