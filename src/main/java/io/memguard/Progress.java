package io.memguard;

/** Told how far a long operation is; called by the thread that does it. */
@FunctionalInterface
public interface Progress {
    /** After each step. */
    void at(long done, long total);
}
