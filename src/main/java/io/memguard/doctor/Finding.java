package io.memguard.doctor;

import io.memguard.MemGuardException;

/**
 * One thing that was looked at.
 *
 * @param level how bad it is
 * @param subject a few words that stay the same from version to version
 * @param what was found; no value, no name of a secret
 * @param mend what mends it; empty where nothing has to be
 */
public record Finding(Level level, String subject, String what, String mend) {
    /** How bad a finding is, the worst last. */
    public enum Level {
        /** As it should be. */
        OK,
        /** Works, and could be safer. */
        ADVICE,
        /** Does not work, or does not protect. */
        PROBLEM
    }

    static Finding ok(String subject, String what) {
        return new Finding(Level.OK, subject, what, "");
    }

    static Finding advice(String subject, String what, String mend) {
        return new Finding(Level.ADVICE, subject, what, mend);
    }

    static Finding problem(String subject, String what, String mend) {
        return new Finding(Level.PROBLEM, subject, what, mend);
    }

    /** An error as a finding; its message says what is wrong, and behind a semicolon what to do. */
    static Finding of(Level level, String subject, MemGuardException failure) {
        String[] parts = String.valueOf(failure.getMessage()).split("; ", 2);
        return new Finding(level, subject, parts[0] + " [" + failure.code() + "]", parts.length == 2 ? parts[1] : "");
    }
}
