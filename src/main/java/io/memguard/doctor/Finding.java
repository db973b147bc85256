package io.memguard.doctor;

import io.memguard.MemGuardException;

/**
 * One thing that was checked.
 *
 * @param level how bad it is
 * @param subject a few words that stay the same from version to version
 * @param observation what was found; no value, no name of a secret
 * @param remedy how to fix it; empty where nothing has to be done
 */
public record Finding(Level level, String subject, String observation, String remedy) {
    /** How bad a finding is, the worst last. */
    public enum Level {
        /** As it should be. */
        OK,
        /** Works, and could be safer. */
        ADVICE,
        /** Does not work, or does not protect. */
        PROBLEM
    }

    static Finding ok(String subject, String observation) {
        return new Finding(Level.OK, subject, observation, "");
    }

    static Finding advice(String subject, String observation, String remedy) {
        return new Finding(Level.ADVICE, subject, observation, remedy);
    }

    static Finding problem(String subject, String observation, String remedy) {
        return new Finding(Level.PROBLEM, subject, observation, remedy);
    }

    /** An error as a finding; its message says what is wrong, and behind a semicolon what to do. */
    static Finding of(Level level, String subject, MemGuardException failure) {
        String[] parts = String.valueOf(failure.getMessage()).split("; ", 2);
        return new Finding(level, subject, parts[0] + " [" + failure.code() + "]", parts.length == 2 ? parts[1] : "");
    }
}
