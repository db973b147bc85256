package io.memguard.migration;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Which {@code ENC(} of a file became entries, and which lines have one that did not. */
final class EncryptedLines {
    private final int[] left;
    private final Set<Integer> others = new TreeSet<>();

    EncryptedLines(List<String> lines) {
        left = lines.stream().mapToInt(EncryptedLines::occurrences).toArray();
    }

    private static int occurrences(String line) {
        int count = 0;
        for (int at = line.indexOf(JasyptFile.BEGIN); at >= 0; at = line.indexOf(JasyptFile.BEGIN, at + 1)) {
            count++;
        }
        return count;
    }

    /** One of the lines of this setting has the {@code ENC(} of an entry. An alias is a second entry of the same lines. */
    void taken(Setting setting) {
        for (int line = setting.line(); line <= Math.min(setting.lastLine(), left.length); line++) {
            if (left[line - 1] > 0) {
                left[line - 1]--;
                return;
            }
        }
    }

    /** A setting that is no entry: an {@code ENC(} may be in its value in another spelling than in the line. */
    void seen(Setting setting) {
        if (setting.value().contains(JasyptFile.BEGIN)) {
            others.add(setting.line());
        }
    }

    List<Integer> rest() {
        var lines = new TreeSet<>(others);
        for (int i = 0; i < left.length; i++) {
            if (left[i] > 0) {
                lines.add(i + 1);
            }
        }
        return new ArrayList<>(lines);
    }
}
