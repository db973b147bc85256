package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The first of several providers that works; an existing store's own, once there is one. */
final class FirstAvailableKeyProvider implements KeyProvider {
    private static final System.Logger LOG = System.getLogger(FirstAvailableKeyProvider.class.getName());

    private final List<KeyProvider> candidates;

    FirstAvailableKeyProvider(List<KeyProvider> candidates) {
        this.candidates = candidates;
    }

    /** The first one's; which one is used, a store's record says. */
    @Override
    public String type() {
        return candidates.get(0).type();
    }

    @Override
    public boolean opens(String type) {
        return candidates.stream().anyMatch(candidate -> candidate.opens(type));
    }

    /**
     * A store that has a key gets the next one where that is: never in another candidate, which may protect it less. One that
     * switches to these providers gets it from the first.
     */
    @Override
    public CreatedKey create(StoreContext store) {
        if (store.current().isPresent()) {
            return holder(store, store.current().get()).create(store);
        }
        if (store.existing()) {
            return candidates.getFirst().create(store);
        }
        return first(store);
    }

    private KeyProvider holder(StoreContext store, KeyDescriptor current) {
        return candidates.stream()
                .filter(candidate -> candidate.opens(current.provider()))
                .filter(candidate -> candidate.has(store, current))
                .findFirst()
                .orElseThrow(() -> new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "none of " + candidates.size()
                                + " key providers has the store's present key now, so none may make"
                                + " the next one; make its token or file available and try again"));
    }

    private CreatedKey first(StoreContext store) {
        @Nullable MemGuardException first = null;
        for (KeyProvider candidate : candidates) {
            try {
                CreatedKey made = candidate.create(store);
                LOG.log(System.Logger.Level.INFO, "the new store''s key is with ''{0}''", candidate.type());
                return made;
            } catch (MemGuardException e) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "the provider ''{0}'' can''t make the key: {1}",
                        candidate.type(),
                        e.getMessage());
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        throw new MemGuardException(
                ErrorCode.KEY_INVALID,
                "none of " + candidates.size() + " key providers works; the first: "
                        + (first == null ? "" : first.getMessage()),
                first);
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        if (store.current().isPresent()) {
            return new FirstAvailableKeyProvider(
                            List.of(holder(store, store.current().get())))
                    .own(record, one -> one.open(store, record));
        }
        return own(record, provider -> provider.open(store, record));
    }

    @Override
    public StoreKey openOnHeap(StoreContext store, KeyDescriptor record) {
        return own(record, provider -> provider.openOnHeap(store, record));
    }

    @Override
    public void erase(StoreContext store, KeyDescriptor record) {
        own(record, provider -> {
            provider.erase(store, record);
            return true;
        });
    }

    @Override
    public boolean has(StoreContext store, KeyDescriptor record) {
        return candidates.stream()
                .anyMatch(candidate -> candidate.opens(record.provider()) && candidate.has(store, record));
    }

    @Override
    public boolean isGone(StoreContext store, KeyDescriptor record) {
        return candidates.stream()
                .anyMatch(candidate -> candidate.opens(record.provider()) && candidate.isGone(store, record));
    }

    @Override
    public String place(StoreContext store) {
        KeyProvider maker =
                store.current().isPresent() ? holder(store, store.current().get()) : candidates.getFirst();
        return maker.place(store);
    }

    /** By the one that was to make the key: the others refuse. */
    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {
        @Nullable MemGuardException failure = null;
        boolean done = false;
        for (KeyProvider candidate : candidates) {
            try {
                candidate.eraseUnrecorded(store, recorded);
                done = true;
            } catch (MemGuardException e) {
                failure = e;
            }
        }
        if (!done && failure != null) {
            throw failure;
        }
    }

    /** Two of one kind (an HSM and a TPM): the one that has the store's key. */
    private <R> R own(KeyDescriptor record, Function<KeyProvider, R> use) {
        @Nullable MemGuardException failure = null;
        for (KeyProvider candidate : candidates) {
            if (candidate.opens(record.provider())) {
                try {
                    return use.apply(candidate);
                } catch (MemGuardException e) {
                    if (failure == null) {
                        failure = e;
                    } else {
                        failure.addSuppressed(e);
                    }
                }
            }
        }
        throw failure != null
                ? failure
                : new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "this store's key is with the provider '" + record.provider() + "', which is not among those");
    }

    @Override
    public void close() {
        candidates.forEach(KeyProvider::close);
    }
}
