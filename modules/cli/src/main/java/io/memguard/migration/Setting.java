package io.memguard.migration;

/**
 * One setting of a configuration file.
 *
 * @param document which of the file's documents it is in, from 1
 * @param line where its value begins, from 1
 * @param lastLine where it ends
 */
record Setting(String name, String value, int document, int line, int lastLine) {
    /** Has no values, which may be secrets. */
    @Override
    public String toString() {
        return "line " + line;
    }
}
