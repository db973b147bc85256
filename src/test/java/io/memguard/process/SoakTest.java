package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.os.Posix;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Ten seconds of it; {@code -Dsoak.seconds=600} for longer. */
class SoakTest {
    private static final int WAIT = 200; // milliseconds

    private static double figure(String said, String name) {
        var line = Pattern.compile("^" + Pattern.quote(name) + " ([0-9.]+) ", Pattern.MULTILINE)
                .matcher(said);
        assertTrue(line.find(), said);
        return Double.parseDouble(line.group(1));
    }

    @Test
    void everyValueIsRightAndNothingLeaksWithTooLittleLockedMemoryForAll() throws Exception {
        var limited = new ArrayList<>(List.of("prlimit", "--memlock=8388608:8388608"));
        if (Posix.effectiveUser() == 0) {
            limited.addAll(List.of("setpriv", "--bounding-set=-ipc_lock")); // root is above the limit otherwise
        }
        String seconds = Integer.toString(Integer.getInteger("soak.seconds", 10));
        try (var child = ChildJvm.start(Soak.class, limited, List.of(seconds, Integer.toString(WAIT)))) {
            String said = child.rest();
            System.out.println(said);
            assertEquals(0, child.exitCode(), said);
            assertTrue(figure(said, "reads") > 0 && figure(said, "reads.of.more.than.a.page") > 0, said);
            assertTrue(figure(said, "writes") > 0 && figure(said, "found.nothing") > 0, said);
            assertEquals(0, figure(said, "windows.in.use"), said);
            assertEquals(0, figure(said, "items.after.cleanup"), said);
            assertTrue(figure(said, "locked.after.cleanup") <= 16, said); // the keys
            double middle = figure(said, "rss.middle.third");
            assertTrue(figure(said, "rss.last.third") <= middle * 1.2 + 64, said);
        }
    }
}
