package io.memguard;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Uses a secret while it is lent.
 *
 * <p>The segment is native, read-only, exactly as long as the value, and belongs to the calling thread. It ends with the
 * callback: a segment or a {@code ByteBuffer} view of it that is kept throws {@link IllegalStateException} afterwards,
 * and from another thread {@link WrongThreadException}. Whatever is copied out of it is the caller's to wipe.
 *
 * @param <R> what the callback returns
 * @param <X> what the callback throws; it reaches the caller unchanged, after the plaintext is wiped
 */
@FunctionalInterface
public interface Borrower<R extends @Nullable Object, X extends Throwable> {
    /** Uses the plaintext; must not keep the segment. */
    R use(MemorySegment secret) throws X;
}
