package io.memguard.adapters;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.random.RandomGenerator;

/** Looks for text in what is reachable on this JVM's heap. */
public final class HeapSearch {
    private HeapSearch() {}

    /** Passwords that nothing else looks like; in pieces, so that the search itself plants none. */
    public static String[] randomHalves() {
        byte[] random = new byte[12];
        RandomGenerator.getDefault().nextBytes(random);
        String first = HexFormat.of().formatHex(random);
        RandomGenerator.getDefault().nextBytes(random);
        return new String[] {first, HexFormat.of().formatHex(random)};
    }

    /** Whether none is left once the collector and the cleaners of {@code javax.crypto} have run, some times. */
    public static boolean disappears(Path folder, String[] halves, int times) throws IOException, InterruptedException {
        for (int i = 0; i < times; i++) {
            System.gc();
            Thread.sleep(100);
            if (reachable(folder, halves) == 0) {
                return true;
            }
        }
        return false;
    }

    /** How often the two halves lie in one piece in reachable objects, as a String or as chars. */
    public static int reachable(Path folder, String[] halves) throws IOException {
        Path dump = folder.resolve("reachable.hprof");
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpHeap(dump.toString(), true);
        byte[] bytes = Files.readAllBytes(dump);
        Files.delete(dump);
        int found = 0;
        for (Charset charset : List.of(StandardCharsets.ISO_8859_1, StandardCharsets.UTF_16BE)) {
            found += count(bytes, halves[0].getBytes(charset), halves[1].getBytes(charset));
        }
        return found;
    }

    private static int count(byte[] dump, byte[] first, byte[] second) {
        int found = 0;
        for (int at = 0; at + first.length + second.length <= dump.length; at++) {
            if (dump[at] == first[0] && starts(dump, at, first) && starts(dump, at + first.length, second)) {
                found++;
            }
        }
        return found;
    }

    private static boolean starts(byte[] dump, int at, byte[] what) {
        return java.util.Arrays.equals(dump, at, at + what.length, what, 0, what.length);
    }
}
