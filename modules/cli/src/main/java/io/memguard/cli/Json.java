package io.memguard.cli;

/** The little of RFC 8259 that printing names needs. */
final class Json {
    private Json() {}

    static String quote(String text) {
        return '"' + escapeControls(text.replace("\\", "\\\\").replace("\"", "\\\"")) + '"';
    }

    /**
     * Control characters, line separators and what turns the direction of writing, as {@code \\uXXXX}: a name must not
     * command the terminal, nor look like another.
     */
    static String escapeControls(String text) {
        var escaped = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (Character.isISOControl(c) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) {
                escaped.append(String.format("\\u%04x", c));
            } else {
                escaped.appendCodePoint(c);
            }
        });
        return escaped.toString();
    }
}
