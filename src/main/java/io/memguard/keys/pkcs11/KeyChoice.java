package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyMode;
import io.memguard.keys.StoreContext;
import io.memguard.memory.Sodium;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The key of a new store: the one that the token has by that label, or one that it makes now. */
final class KeyChoice {
    /** How the id of a key begins that this library made for one store: "memguard" in ASCII. */
    private static final String OWN_ID = HexFormat.of().formatHex("memguard".getBytes(StandardCharsets.US_ASCII));

    /** So many random bytes end the id of a key that a store goes over to. */
    private static final int SUFFIX = 4;

    /** Two stores made at once in a process must not make two keys of one label. */
    private static final ReentrantLock MAKING = new ReentrantLock();

    private final Token token;
    private final String label;
    private final @Nullable String id;
    private final @Nullable KeyMode wanted;
    private final boolean exportable;

    /**
     * @param id CKA_ID in hexadecimal, where the caller has said it
     * @param wanted null for the first mode that can be served
     * @param exportable whether a key may be used that can be read out of the token
     */
    KeyChoice(Token token, String label, @Nullable String id, @Nullable KeyMode wanted, boolean exportable) {
        this.token = token;
        this.label = label;
        this.id = id;
        this.wanted = wanted;
        this.exportable = exportable;
    }

    /** @param made whether the key was made now */
    record Chosen(TokenKey key, String id, KeyMode mode, boolean made) {}

    Chosen choose(StoreContext store) {
        MAKING.lock();
        try {
            var present = new TokenKey(token, label, id);
            if (!present.exists()) {
                // A key whose record was never written can be told from one that is in use by its id alone.
                return make(store, label, store.existing() && id == null ? random() : "");
            }
            if (store.existing() && present.id().startsWith(ownId(store))) {
                // The store's own key keeps its label until no file is under it any more.
                String suffix = random();
                return make(store, label + "-" + suffix, suffix);
            }
            return use(present);
        } finally {
            MAKING.unlock();
        }
    }

    private static String random() {
        return HexFormat.of().formatHex(Sodium.random(SUFFIX));
    }

    /** Deletes the keys that were made for an existing store, but are not among these ids. */
    static void destroyUnrecorded(Token token, StoreContext store, Set<String> recorded) {
        MAKING.lock();
        try {
            int length = ownId(store).length() + 2 * SUFFIX;
            TokenKey.destroyAll(
                    token,
                    found -> found.length() == length && found.startsWith(ownId(store)) && !recorded.contains(found));
        } finally {
            MAKING.unlock();
        }
    }

    private static String ownId(StoreContext store) {
        return OWN_ID + store.storeId().substring(0, 16);
    }

    private Chosen make(StoreContext store, String name, String suffix) {
        KeyMode mode = makeable();
        String made = (id != null ? id : ownId(store)) + suffix;
        TokenKey.generate(token, mode, name, made);
        var key = new TokenKey(token, name, made);
        try {
            key.requireConfined(exportable); // Tokens may ignore what they were asked for.
            return new Chosen(key, made, mode, true);
        } catch (Throwable failure) {
            key.destroy();
            throw failure;
        }
    }

    private KeyMode makeable() {
        Set<KeyMode> modes = TokenModes.makeable(token.module(), token.slot());
        Optional<KeyMode> first = preferred(modes);
        if (first.isPresent()) {
            return first.get();
        }
        boolean hands =
                preferred(TokenModes.usable(token.module(), token.slot())).isPresent();
        throw new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                hands
                        ? token + " has no key '" + label
                                + "' and makes none through PKCS #11; make one with the token's own"
                                + " tools (a TPM: tpm2_ptool addkey --algorithm=hmac:sha256 --key-label=" + label + ")"
                        : token + " can't serve " + (wanted == null ? "either mode" : "the mode " + wanted)
                                + "; see 'memguard token list', and choose another mode or token");
    }

    /** Direct before envelope, since the key then never leaves the token. */
    private Optional<KeyMode> preferred(Set<KeyMode> modes) {
        if (wanted != null) {
            return modes.contains(wanted) ? Optional.of(wanted) : Optional.empty();
        }
        return modes.contains(KeyMode.DIRECT)
                ? Optional.of(KeyMode.DIRECT)
                : modes.stream().findFirst();
    }

    private Chosen use(TokenKey present) {
        String found = present.id();
        if (found.startsWith(OWN_ID) && id == null) {
            throw Ckr.keyInvalid(
                    "the key '" + label + "' in " + token + " was made for another store; choose another object=, or"
                            + " share it on purpose by id=%" + found.replaceAll("..(?!$)", "$0%"),
                    null);
        }
        var key = new TokenKey(token, label, found);
        key.requireConfined(exportable);
        KeyMode served = key.mode()
                .orElseThrow(() -> Ckr.keyInvalid(
                        "the key '" + label + "' can neither encrypt (AES) nor sign (HMAC); choose another object=",
                        null));
        if (wanted != null && wanted != served) {
            throw Ckr.keyInvalid("the key '" + label + "' serves the mode " + served + ", not " + wanted, null);
        }
        if (!TokenModes.usable(token.module(), token.slot()).contains(served)) {
            throw Ckr.keyInvalid(token + " lacks the mechanism for the key '" + label + "'", null);
        }
        return new Chosen(key, found, served, false);
    }
}
