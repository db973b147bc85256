package io.memguard.cli;

/** Options that do not fit each other, or what there is; found while the command runs, and reported like any of usage. */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UsageException(String message) {
        super(message);
    }
}
