package io.memguard.guides;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A fenced block of a guide.
 *
 * @param guide the file, from the top folder
 * @param number among the blocks of this language in it, from 1
 * @param language what stands behind the fence
 */
public record Block(String guide, int number, String language, String text) {
    /** All of a guide. */
    public static List<Block> of(String guide) throws IOException {
        var blocks = new ArrayList<Block>();
        StringBuilder text = null;
        String language = "";
        for (String line : Files.readAllLines(Path.of(guide))) {
            if (!line.startsWith("```")) {
                if (text != null) {
                    text.append(line).append('\n');
                }
            } else if (text == null) {
                language = line.substring(3).strip();
                text = new StringBuilder();
            } else {
                String found = language;
                int number = 1
                        + (int) blocks.stream()
                                .filter(block -> block.language().equals(found))
                                .count();
                blocks.add(new Block(guide, number, language, text.toString()));
                text = null;
            }
        }
        return blocks;
    }

    /** For instance {@code docs/HARDWARE.md sh 2}. */
    String name() {
        return guide + " " + language + " " + number;
    }

    /** For instance {@code docs_HARDWARE_md_2}. */
    String className() {
        return guide.replaceAll("[^A-Za-z0-9]", "_") + "_" + number;
    }
}
