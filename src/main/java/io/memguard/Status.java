package io.memguard;

import org.jspecify.annotations.Nullable;

/** What an operation answers to a caller that must not see plaintext: the status contract of the channel. */
public enum Status {
    /** {@code true}: done; after a retrieve the value is in the cache now, read it there. */
    DONE,
    /** {@code false}: no. */
    NO,
    /** {@code null}: there is no such secret. */
    NOT_FOUND,
    /** {@code "rust_not_ready"}: the native cache is not ready; wait, or use {@link MemGuard#retrieveDirect}. */
    RUST_NOT_READY;

    /** The word of the contract: {@code true}, {@code false}, {@code null} or {@code "rust_not_ready"}. */
    public @Nullable Object value() {
        return switch (this) {
            case DONE -> true;
            case NO -> false;
            case NOT_FOUND -> null;
            case RUST_NOT_READY -> "rust_not_ready";
        };
    }

    /** The same as text, for where only text can go; null stays null. */
    public @Nullable String text() {
        Object word = value();
        return word == null ? null : word.toString();
    }
}
