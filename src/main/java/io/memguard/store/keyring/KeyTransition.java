package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.memory.Sodium;
import io.memguard.store.keyring.Keyring.OpenKey;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The steps by which a store switches from one key to another; docs/KEY-LIFECYCLE.md says why each is where it is. To be used
 * under the lock for key changes, by one at a time. Each publication is made under the lock of the whole store, and derives
 * from the metadata that is there.
 */
public final class KeyTransition {
    /** Runs work under the lock of the whole store. */
    @FunctionalInterface
    public interface WholeLock {
        <T extends @Nullable Object> T run(Work<T> work) throws IOException;
    }

    /** Work under a lock. */
    @FunctionalInterface
    public interface Work<T extends @Nullable Object> {
        T run() throws IOException;
    }

    private static final int NONCE = 8; // bytes

    private final KeyringHolder keys;
    private final KeyLoader loader;
    private final MetadataStore metadata;
    private final WholeLock lock;
    private final Function<Metadata, MetadataGuard.Witness> witnesses;

    public KeyTransition(KeyringHolder keys, WholeLock lock, Function<Metadata, MetadataGuard.Witness> witnesses) {
        this.keys = keys;
        this.loader = keys.loader();
        this.metadata = loader.metadata();
        this.lock = lock;
        this.witnesses = witnesses;
    }

    /** The provider of the store. */
    public KeyProvider provider() {
        return loader.provider();
    }

    /** Whether this is the provider of the store. */
    public boolean uses(KeyProvider other) {
        return loader.uses(other);
    }

    /** How messages name the key that a change leads to. */
    public String name(Metadata.Next next) {
        return KeyNames.of(next.key().record());
    }

    /** The key change that is under way; nothing where there is none. */
    public Metadata.@Nullable Next underWay() throws IOException {
        try (var lease = keys.current()) {
            return lease.keys().metadata().next().orElse(null);
        }
    }

    /**
     * Makes sure that the store is still this provider's.
     *
     * @throws MemGuardException KEY_INVALID where this store's provider does not open the current key by itself: it was opened
     *     before another process switched to a key of another provider, or to another passphrase
     */
    public void requireCurrentProvider() throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            if (now.current().byProvider()) {
                return;
            }
            if (!loader.opensCurrent(loader.provider(), now.metadata())) {
                throw new MemGuardException(
                        ErrorCode.KEY_INVALID,
                        "the store's key was changed since it was opened here, to "
                                + KeyNames.of(now.metadata().keyRecord())
                                + "; the key provider it was opened with opens it no more, so it can't change the key:"
                                + " open the store again with the present key");
            }
            set(now.metadata(), new OpenKey(now.current().key(), true), now.next());
        }
    }

    /** Makes sure of the key that an interrupted change leads to, by its own provider; false where that can't open it. */
    public boolean adopt(KeyProvider to) throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            var opened = loader.openNext(to, now.metadata());
            if (opened.isEmpty()) {
                return false;
            }
            set(now.metadata(), now.current(), new OpenKey(opened.get(), loader.uses(to)));
            return true;
        }
    }

    /** Makes a key of this provider, and names it: all that is written from now on is under it. */
    public void begin(KeyProvider to) throws IOException {
        try (var lease = keys.current()) {
            begin(to, lease.keys());
        } catch (KeyChangedException e) {
            throw interfered();
        }
    }

    private void begin(KeyProvider to, Keyring now) throws IOException {
        lock.run(() -> loader.call(to, provider -> {
            provider.eraseUnrecorded(context(now.metadata()), now.metadata().records()); // In the store's own folder.
            return true;
        }));
        String nonce = HexFormat.of().formatHex(Sodium.random(NONCE));
        StoreContext existing = context(now.metadata()).ofExisting().withNonce(nonce);
        // A rotation makes the key where the present one is.
        StoreContext context = loader.uses(to) ? existing.after(now.metadata().keyRecord()) : existing;
        String where = loader.call(to, maker -> maker.place(context));
        var intention = new Metadata.Unfinished(to.type(), nonce, metadata.identity(), where);
        Metadata journal = publish(now, before -> before.withUnfinished(intention));
        CreatedKey made = loader.call(to, maker -> maker.create(context));
        try {
            requireAnother(made.record(), journal);
            byte[] check = KeyCheck.of(new EntryCipher(made.key(), journal.storeId()));
            var current = new EntryCipher(now.current().key(), journal.storeId());
            byte[] bound = Sha256.of(check);
            byte[] wrappedKey = made.key()
                    .<byte[]>read(raw -> current.seal(EntryCipher.Purpose.NEXT_KEY, bound, raw))
                    .orElse(new byte[0]);
            var next = new Metadata.Next(new OwnedKey(made.record(), intention.folder()), check, wrappedKey, false);
            var opened = new OpenKey(made.key(), loader.uses(to));
            publish(
                    journal,
                    now.current(),
                    opened,
                    before -> before.without(intention).withNextKey(next));
        } catch (Throwable failure) {
            made.key().close();
            if (!isNamed(made.record(), failure)) {
                eraseUnfinished(to, context, made.record(), intention, failure);
            }
            throw failure;
        }
    }

    private static void requireAnother(KeyDescriptor made, Metadata journal) {
        if (journal.inUse().contains(made)) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    "this key was made by other tools, and there is no other one of its name; make one in the token, and"
                            + " switch to it by its object= (memguard rekey)");
        }
    }

    /** The disk or the token may have failed when the metadata was in place: the key that it names has to stay. */
    private boolean isNamed(KeyDescriptor key, Throwable failure) {
        try {
            return metadata.read().filter(now -> now.records().contains(key)).isPresent();
        } catch (IOException | MemGuardException e) {
            failure.addSuppressed(e);
            return true; // Where it is not, the next change destroys it by the journal.
        }
    }

    /** Also where the store was removed in the meantime, and its journal with it. */
    private void eraseUnfinished(
            KeyProvider to,
            StoreContext context,
            KeyDescriptor made,
            Metadata.Unfinished intention,
            Throwable failure) {
        try {
            loader.call(to, maker -> {
                maker.erase(context, made);
                return true;
            });
            lock.run(() -> {
                forget(to, intention);
                return true;
            });
        } catch (IOException | RuntimeException e) {
            failure.addSuppressed(e);
        }
    }

    /**
     * The next key becomes the current one, once its provider alone has opened it afresh. From then on that provider is the
     * store's.
     */
    public void promote(KeyProvider to) throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            OpenKey next = Objects.requireNonNull(now.next());
            try {
                loader.requireNext(to, now.metadata()).close();
            } catch (MemGuardException e) {
                throw new MemGuardException(
                        ErrorCode.STORE_FAILED,
                        "every value is under the new key, but its provider does not open that key again: "
                                + e.getMessage()
                                + "; both keys are kept, and the one before opens the store: run it again, or give the change"
                                + " up (memguard rekey --abort)",
                        e);
            }
            publish(now.metadata(), new OpenKey(next.key(), true), null, Metadata::promoted);
            loader.use(to);
        } catch (KeyChangedException e) {
            throw interfered();
        }
    }

    /** All that is written from now on is under the current key again. */
    public void abandon() throws IOException {
        try (var lease = keys.current()) {
            publish(lease.keys(), Metadata::abandoning);
        } catch (KeyChangedException e) {
            throw interfered();
        }
    }

    /** Every value is under the current key again: the next one is to be destroyed. */
    public void drop() throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            publish(now.metadata(), now.current(), null, Metadata::withoutNext);
        } catch (KeyChangedException e) {
            throw interfered();
        }
    }

    /**
     * Destroys keys that nothing is under any more, as far as one of these providers has them and they are this folder's.
     *
     * @param ownOnly whether others' are not even tried: that may take a connection to a token
     * @return what is left and why; empty where all are gone
     */
    public List<Left> destroyOld(List<KeyProvider> by, boolean ownOnly) throws IOException {
        var left = new ArrayList<Left>();
        for (OwnedKey old : now().old()) {
            if (!ownOnly || isOwn(old.folder())) {
                destroy(old, by).ifPresent(left::add);
            }
        }
        for (Metadata.Unfinished intention : now().unfinished()) {
            if (!ownOnly || isOwn(intention.folder())) {
                destroy(intention, by).ifPresent(left::add);
            }
        }
        return left;
    }

    private Metadata now() throws IOException {
        try (var lease = keys.current()) {
            return lease.keys().metadata();
        }
    }

    /**
     * An old key that was not destroyed.
     *
     * @param why and which one
     * @param own whether it is this folder's, and has to be destroyed; else a copy of the store may need it
     */
    public record Left(String why, boolean own) {}

    private Optional<Left> destroy(OwnedKey old, List<KeyProvider> by) throws IOException {
        return destroy(
                KeyNames.of(old.record()),
                old.folder(),
                by.stream().filter(each -> each.opens(old.record().provider())).toList(),
                provider -> forget(provider, old));
    }

    private Optional<Left> destroy(Metadata.Unfinished intention, List<KeyProvider> by) throws IOException {
        return destroy(
                "a key that a killed change may have made with the provider '" + intention.provider() + "'",
                intention.folder(),
                by.stream().filter(each -> each.opens(intention.provider())).toList(),
                provider -> forget(provider, intention));
    }

    @FunctionalInterface
    private interface Forgetting {
        void by(KeyProvider provider) throws IOException;
    }

    private Optional<Left> destroy(String name, String folder, List<KeyProvider> by, Forgetting forgetting)
            throws IOException {
        String why = "its provider was not given";
        for (KeyProvider provider : by) {
            try {
                lock.run(() -> {
                    forgetting.by(provider);
                    return true;
                });
                return Optional.empty();
            } catch (MemGuardException e) {
                why = e.getMessage();
            } catch (KeyChangedException e) {
                throw interfered();
            }
        }
        return Optional.of(new Left(name + ": " + why, isOwn(folder)));
    }

    /**
     * No longer names the old keys that may be another folder's: they stay where they are.
     *
     * @return which ones these were
     */
    public List<String> forgetOthers() throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            var others = now.metadata().old().stream()
                    .filter(old -> !isOwn(old.folder()))
                    .toList();
            var intentions = now.metadata().unfinished().stream()
                    .filter(intention -> !isOwn(intention.folder()))
                    .toList();
            if (!others.isEmpty() || !intentions.isEmpty()) {
                publish(now, before -> {
                    Metadata rest = before;
                    for (OwnedKey old : others) {
                        rest = rest.without(old);
                    }
                    for (var intention : intentions) {
                        rest = rest.without(intention);
                    }
                    return rest;
                });
            }
            return others.stream().map(old -> KeyNames.of(old.record())).toList();
        } catch (KeyChangedException e) {
            throw interfered();
        }
    }

    /** Under the lock of the whole store. */
    private void forget(KeyProvider by, OwnedKey old) throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            var context = context(now.metadata()).ownedBy(isOwn(old.folder()));
            loader.call(by, provider -> {
                provider.erase(context, old.record());
                return true;
            });
            publishHere(now, before -> before.without(old));
        }
    }

    /** Under the lock of the whole store. */
    private void forget(KeyProvider by, Metadata.Unfinished intention) throws IOException {
        try (var lease = keys.current()) {
            Keyring now = lease.keys();
            var context = context(now.metadata())
                    .unfinished(intention.nonce(), intention.place())
                    .ownedBy(isOwn(intention.folder()));
            loader.call(by, provider -> {
                provider.eraseUnrecorded(context, now.metadata().records());
                return true;
            });
            publishHere(now, before -> before.without(intention));
        }
    }

    private boolean isOwn(String folder) {
        return folder.equals(metadata.identity());
    }

    private StoreContext context(Metadata named) {
        return loader.context(named.storeId()).using(named.inUse());
    }

    private Metadata publish(Keyring now, UnaryOperator<Metadata> change) throws IOException {
        return publish(now.metadata(), now.current(), now.next(), change);
    }

    private Metadata publish(Metadata before, OpenKey current, @Nullable OpenKey next, UnaryOperator<Metadata> change)
            throws IOException {
        return lock.run(() -> publishHere(before, current, next, change));
    }

    private void publishHere(Keyring now, UnaryOperator<Metadata> change) throws IOException {
        publishHere(now.metadata(), now.current(), now.next(), change);
    }

    /**
     * Sealed under the key that is the current one from then on. Nobody else changes keys at the same time, but records may
     * have been enabled or disabled since.
     */
    private Metadata publishHere(
            Metadata before, OpenKey current, @Nullable OpenKey next, UnaryOperator<Metadata> change)
            throws IOException {
        Metadata there;
        try (var lease = keys.current()) {
            there = lease.keys().metadata();
        }
        if (!there.hasKeysOf(before)) {
            throw interfered();
        }
        Metadata published = metadata.publish(there, change.apply(there), current.key(), witnesses.apply(there));
        set(published, current, next);
        return published;
    }

    private void set(Metadata published, OpenKey current, @Nullable OpenKey next) {
        keys.set(new Keyring(published, current, next));
    }

    private static MemGuardException interfered() {
        return new MemGuardException(
                ErrorCode.STORE_FAILED,
                "the store's metadata was replaced while its key was being changed (a restore, or another version of"
                        + " memguard); nothing was destroyed: look which key opens the store, then run it again");
    }
}
