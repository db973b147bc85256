package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The first of several providers that works; an existing store's own, once there is one. */
final class FirstOf implements KeyProvider {
    private static final System.Logger LOG = System.getLogger(FirstOf.class.getName());

    private final List<KeyProvider> candidates;

    FirstOf(List<KeyProvider> candidates) {
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

    @Override
    public NewKey create(StoreContext store) {
        @Nullable MemGuardException first = null;
        for (KeyProvider candidate : candidates) {
            try {
                NewKey made = candidate.create(store);
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
    public StoreKey open(StoreContext store, KeyRecord record) {
        return own(record, provider -> provider.open(store, record));
    }

    @Override
    public StoreKey openEmergency(StoreContext store, KeyRecord record) {
        return own(record, provider -> provider.openEmergency(store, record));
    }

    @Override
    public void erase(StoreContext store, KeyRecord record) {
        own(record, provider -> {
            provider.erase(store, record);
            return true;
        });
    }

    /** A candidate that is not there now has its turn at the next change of the key. */
    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyRecord> recorded) {
        for (KeyProvider candidate : candidates) {
            try {
                candidate.eraseUnrecorded(store, recorded);
            } catch (MemGuardException e) {
                LOG.log(System.Logger.Level.DEBUG, "no left-overs removed from ''{0}''", candidate.type());
            }
        }
    }

    /** Two of one kind (an HSM and a TPM): the one that has the store's key. */
    private <R> R own(KeyRecord record, Function<KeyProvider, R> use) {
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
