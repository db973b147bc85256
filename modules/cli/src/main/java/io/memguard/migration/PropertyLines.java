package io.memguard.migration;

import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** Java's properties, each with its line. What a logical line means is java.util.Properties' business. */
final class PropertyLines {
    private PropertyLines() {}

    static List<Setting> read(String text) {
        var settings = new ArrayList<Setting>();
        List<String> lines = Text.lines(text);
        int document = 1;
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (isComment(line)) {
                document += line.stripTrailing().matches("[#!]---") ? 1 : 0;
                continue;
            }
            int first = i;
            var logical = new StringBuilder(line);
            while (isContinued(lines.get(i)) && i + 1 < lines.size()) {
                logical.append('\n').append(lines.get(++i));
            }
            add(settings, logical.toString(), document, first + 1, i + 1);
        }
        return settings;
    }

    private static boolean isComment(String line) {
        String text = line.stripLeading();
        return text.startsWith("#") || text.startsWith("!");
    }

    private static boolean isContinued(String line) {
        int backslashes = 0;
        while (backslashes < line.length() && line.charAt(line.length() - 1 - backslashes) == '\\') {
            backslashes++;
        }
        return backslashes % 2 == 1;
    }

    private static void add(List<Setting> settings, String logical, int document, int first, int last) {
        try {
            new Properties() {
                private static final long serialVersionUID = 1;

                @Override
                public synchronized Object put(Object key, Object value) {
                    settings.add(new Setting((String) key, (String) value, document, first, last));
                    return "";
                }
            }.load(new StringReader(logical));
        } catch (IOException | IllegalArgumentException e) {
            throw Text.invalid("line " + first + " is no line of a file of Java properties");
        }
    }
}
