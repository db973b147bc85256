package io.memguard.cli;

import io.memguard.Progress;

/** Shows how far a change of the key is; where the process is told to end in between (Ctrl-C), says what is so then. */
final class KeyChange implements Progress, AutoCloseable {
    private final Progress shown = new ProgressBar();
    private final String command;
    private final Thread atExit = new Thread(this::say);
    private volatile long done;
    private volatile long total;

    /** @param command that finishes it */
    KeyChange(String command) {
        this.command = command;
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    @Override
    public void at(long files, long all) {
        done = files;
        total = all;
        shown.at(files, all);
    }

    private void say() {
        System.err.println(
                "memguard: interrupted " + (total == 0 ? "at the start" : "after " + done + " of " + total + " files")
                        + "; all secrets can be read and written; to finish: " + command);
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // The process ends already, and says so.
        }
    }
}
