package io.memguard;

import io.memguard.os.OpenDirectory;
import java.io.Serial;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The one exception of this library. Its message is one line that says what happened and what to do; it never carries a
 * value, a key, a passphrase or the name of a secret.
 */
public final class MemGuardException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    private final ErrorCode code;
    private final Duration retryAfter;

    /** An error with its code and a one-line message that says what to do. */
    public MemGuardException(ErrorCode code, String message) {
        this(code, message, null);
    }

    /** The same, with the cause for {@code --debug} and stack traces. */
    public MemGuardException(ErrorCode code, String message, @Nullable Throwable cause) {
        super(OpenDirectory.named(message), cause);
        this.code = Objects.requireNonNull(code);
        this.retryAfter = Duration.ZERO;
    }

    private MemGuardException(String message, Duration retryAfter) {
        super(message);
        this.code = ErrorCode.RATE_LIMIT_EXCEEDED;
        this.retryAfter = retryAfter;
    }

    /** A {@link ErrorCode#RATE_LIMIT_EXCEEDED} that tells how long to wait. */
    public static MemGuardException rateLimited(String message, Duration retryAfter) {
        return new MemGuardException(message, retryAfter);
    }

    /** What went wrong; stable across versions, unlike the message. */
    public ErrorCode code() {
        return code;
    }

    /** How long to wait after {@link ErrorCode#RATE_LIMIT_EXCEEDED}; zero for every other code. */
    public Duration retryAfter() {
        return retryAfter;
    }
}
