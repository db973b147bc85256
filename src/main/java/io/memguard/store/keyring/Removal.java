package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Destroys the keys of a store whose values are gone, then removes its metadata, which names them until then. Under the lock
 * of the whole store.
 */
public final class Removal {
    private final KeyLoader loader;
    private final MetadataStore metadata;

    public Removal(KeyLoader loader) {
        this.loader = loader;
        this.metadata = loader.metadata();
    }

    /**
     * Says in the metadata that the store is being removed: no process makes a key for it from then on, but one that has
     * announced it before.
     *
     * @param keys of this store, as they were last seen
     */
    public Metadata begin(Keyring keys, MetadataGuard.Witness witness) throws IOException {
        Metadata there = metadata.read().orElseThrow(MetadataStore::removed);
        return there.removing()
                ? there
                : metadata.publish(there, there.beingRemoved(), keys.current().key(), witness);
    }

    /** Whether a key of this folder may be made at this moment, unless the lock for key changes is held. */
    public boolean mayBecomeMore(Metadata there) {
        String here = metadata.identity();
        return there.unfinished().stream()
                .anyMatch(intention -> intention.folder().equals(here));
    }

    /**
     * Destroys the keys and removes the metadata.
     *
     * @return the keys that stay, since a copy of this store, or the store that this one is a copy of, may need them
     * @throws MemGuardException CLEANUP_FAILED where one of this folder's own keys can't be destroyed: run it again
     */
    public List<String> end(Metadata there) throws IOException {
        var kept = destroyAll(there);
        metadata.remove();
        return kept;
    }

    /**
     * Ends the removal of a store whose current key, the last that is destroyed, does not open: it is gone, or the caller
     * lacks what unlocks it.
     *
     * @throws MemGuardException what was said of the key, where it may still exist
     */
    public void finish(Metadata there, MemGuardException failure) throws IOException {
        boolean gone = loader.call(
                loader.provider(), provider -> provider.isGone(loader.context(there.storeId()), there.keyRecord()));
        if (!gone) {
            throw new MemGuardException(
                    failure.code(),
                    "this store was being removed, and its process was killed; to end that its key is needed: "
                            + failure.getMessage(),
                    failure);
        }
        metadata.remove();
    }

    private List<String> destroyAll(Metadata named) {
        var kept = new ArrayList<String>();
        KeyProvider provider = loader.provider();
        String here = metadata.identity();
        StoreContext context = loader.context(named.storeId());
        for (var intention : named.unfinished()) {
            boolean own = intention.folder().equals(here);
            String name = "a key that a killed change may have made with the provider '" + intention.provider() + "'";
            if (provider.opens(intention.provider())) {
                destroy(
                        own,
                        name,
                        kept,
                        () -> provider.eraseUnrecorded(
                                context.unfinished(intention.nonce(), intention.place())
                                        .ownedBy(own),
                                List.of()));
            } else {
                kept.add(name);
            }
        }
        Stream<OwnedKey> all = Stream.of( // The current one last: that it is gone means that all are.
                        named.old().stream(), named.next().stream().map(Metadata.Next::key), Stream.of(named.key()))
                .flatMap(each -> each);
        for (OwnedKey key : (Iterable<OwnedKey>) all::iterator) {
            boolean own = key.folder().equals(here);
            String name = KeyNames.of(key.record());
            if (!provider.opens(key.record().provider())) {
                throw failed(name + " is not with the provider that was given");
            }
            destroy(own, name, kept, () -> provider.erase(context.ownedBy(own), key.record()));
        }
        return kept;
    }

    private void destroy(boolean own, String name, List<String> kept, Runnable call) {
        try {
            loader.call(loader.provider(), provider -> {
                call.run();
                return true;
            });
        } catch (MemGuardException e) {
            if (own) {
                throw failed(name + ": " + e.getMessage());
            }
            kept.add(name + ": " + e.getMessage());
        }
    }

    private static MemGuardException failed(String what) {
        return new MemGuardException(
                ErrorCode.CLEANUP_FAILED,
                "every value is removed, but a key could not be destroyed (" + what
                        + "); run cleanup again with its provider (--keys may be given several times)");
    }

    /** What is said where the process that makes a key does not end. */
    public static MemGuardException isStillMade(ErrorCode code) {
        return new MemGuardException(
                code,
                "this store is being removed, and every value is, but another process is making a key for it; its keys"
                        + " are destroyed when that has ended: run cleanup again, or open the store");
    }

    /** What is said when all else is done. */
    public static MemGuardException keysLeft(List<String> kept) {
        return new MemGuardException(
                ErrorCode.CLEANUP_FAILED,
                "the store is removed; these keys stay, since this folder was copied or moved and another one may need them: "
                        + String.join("; ", kept) + "; destroy them with the token's tools if nothing else does");
    }
}
