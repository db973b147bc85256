package io.memguard.store;

import io.memguard.Borrower;
import io.memguard.keys.StoreKey;
import io.memguard.memory.Scratch;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The open keys of a store at one epoch: one, or two while it goes over to another. New text is sealed under the newest; a
 * text under the one before is opened as well. Immutable.
 *
 * @param metadata what it was opened by
 * @param epoch it is current as long as {@link Generations#ofStore} gives this number
 * @param next the key that takes over, while there is one
 */
record Keyring(
        Metadata metadata,
        long epoch,
        StoreKey current,
        @Nullable StoreKey next) {
    /** Under which new text is sealed. */
    FileSeal writing() {
        return seal(next == null ? current : next);
    }

    /** Opens a text under either key; see {@link FileSeal#open}. */
    <R extends @Nullable Object, X extends Throwable> FileSeal.Opened<R> open(
            FileSeal.Purpose purpose, byte[] place, byte[] sealed, Borrower<R, X> use) throws X {
        var opened = writing().<R, X>open(purpose, place, sealed, use);
        return opened.authentic() || next == null ? opened : seal(current).open(purpose, place, sealed, use);
    }

    /** Opens native ciphertext under either key; see {@link FileSeal#open}. */
    Optional<Scratch> open(FileSeal.Purpose purpose, byte[] place, MemorySegment sealed) {
        var opened = writing().open(purpose, place, sealed);
        return opened.isPresent() || next == null ? opened : seal(current).open(purpose, place, sealed);
    }

    private FileSeal seal(StoreKey key) {
        return new FileSeal(key, metadata.storeId());
    }

    List<StoreKey> keys() {
        return next == null ? List.of(current) : List.of(current, next);
    }
}
