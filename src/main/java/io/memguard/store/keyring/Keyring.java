package io.memguard.store.keyring;

import io.memguard.Borrower;
import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.StoreKey;
import io.memguard.memory.PlaintextBuffer;
import io.memguard.storage.EntryId;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The open keys of a store by one metadata: one, or two while it switches to another. Immutable.
 *
 * @param metadata what it was opened by
 * @param next the key that takes over, while there is one; null also where it is in a token that this process can't use
 */
public record Keyring(
        Metadata metadata, OpenKey current, @Nullable OpenKey next) {
    /**
     * A key, and how it was had.
     *
     * @param byProvider whether the store's provider has opened it by itself; else it came sealed under the key before
     */
    public record OpenKey(StoreKey key, boolean byProvider) {}

    /** It is current as long as the shared number of the store is this one. */
    public long keyEpoch() {
        return metadata.keyEpoch();
    }

    /** Under which new text is sealed. */
    public EntryCipher writing() {
        if (metadata.next().isEmpty() || metadata.next().get().abandoned()) {
            return cipher(current);
        }
        if (next == null) {
            throw nextIsElsewhere();
        }
        return cipher(next);
    }

    /** Under which text was sealed before the key change that is under way. */
    public EntryCipher leaving() {
        var other = metadata.next().orElseThrow();
        if (other.abandoned()) {
            if (next == null) {
                throw nextIsElsewhere();
            }
            return cipher(next);
        }
        return cipher(current);
    }

    /** Opens a text under any of the keys; see {@link EntryCipher#open}. */
    public <R extends @Nullable Object, X extends Throwable> EntryCipher.Opened<R> open(
            EntryCipher.Purpose purpose, byte[] context, byte[] sealed, Borrower<R, X> use) throws X {
        if (next != null) {
            var opened = cipher(next).<R, X>open(purpose, context, sealed, use);
            if (opened.authentic()) {
                return opened;
            }
        }
        var opened = cipher(current).<R, X>open(purpose, context, sealed, use);
        if (!opened.authentic()) {
            requireComplete();
        }
        return opened;
    }

    /** Opens a name under any of the keys; see {@link EntryCipher#open}. */
    public Optional<byte[]> openName(byte[] hash, byte[] sealed) {
        var opened =
                next == null ? Optional.<byte[]>empty() : cipher(next).open(EntryCipher.Purpose.NAME, hash, sealed);
        if (opened.isEmpty()) {
            opened = cipher(current).open(EntryCipher.Purpose.NAME, hash, sealed);
        }
        if (opened.isEmpty()) {
            requireComplete();
        }
        return opened;
    }

    /** Opens native ciphertext under any of the keys; see {@link EntryCipher#open}. */
    public boolean open(EntryId id, MemorySegment sealed, PlaintextBuffer plaintext) {
        var purpose = EntryCipher.Purpose.of(id.kind());
        if (next != null && cipher(next).open(purpose, id.hash(), sealed, plaintext)) {
            return true;
        }
        boolean authentic = cipher(current).open(purpose, id.hash(), sealed, plaintext);
        if (!authentic) {
            requireComplete();
        }
        return authentic;
    }

    /** What is not under the current key may be under the other one. */
    private void requireComplete() {
        if (next == null && metadata.next().isPresent()) {
            throw nextIsElsewhere();
        }
    }

    private MemGuardException nextIsElsewhere() {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "this store is switching from " + KeyNames.of(metadata.keyRecord()) + " to "
                        + KeyNames.of(metadata.next().orElseThrow().key().record())
                        + ", which this process can't use; open it with both keys"
                        + " (--keys given twice, KeyProviders.firstOf), or finish the change (memguard rekey)");
    }

    private EntryCipher cipher(OpenKey key) {
        return new EntryCipher(key.key(), metadata.storeId());
    }

    /** All of them. */
    public List<StoreKey> keys() {
        return next == null ? List.of(current.key()) : List.of(current.key(), next.key());
    }
}
