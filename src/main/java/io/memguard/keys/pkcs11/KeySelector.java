package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyDescriptor;
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
final class KeySelector {
    /** How the id of a key begins that this library made for one store: "memguard" in ASCII; its nonce follows. */
    private static final String OWN_ID = HexFormat.of().formatHex("memguard".getBytes(StandardCharsets.US_ASCII));

    /** Digits of the nonce that a label ends with. */
    private static final int LABEL_DIGITS = 8;

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
    KeySelector(Token token, String label, @Nullable String id, @Nullable KeyMode wanted, boolean exportable) {
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
            String nonce = store.nonce().isEmpty() ? HexFormat.of().formatHex(Sodium.random(8)) : store.nonce();
            String own = OWN_ID + nonce;
            String another = label + "-" + nonce.substring(0, LABEL_DIGITS);
            if (store.inUse().stream().anyMatch(this::isRotated)) {
                return make(
                        another, own); // The store's present key keeps its label until nothing is under it any more.
            }
            if (!new TokenKey(token, label, null).exists()) {
                return make(label, id != null ? id : own);
            }
            var present = new TokenKey(token, label, id);
            if (store.existing() && (!present.exists() || isOwn(present.id()))) {
                return make(another, own); // Another store's, a copy's of this one: they keep theirs.
            }
            return present.exists() ? use(present) : make(label, java.util.Objects.requireNonNull(id));
        } finally {
            MAKING.unlock();
        }
    }

    /** Whether this is the key that the next one comes after, and that was made by this library, in this token. */
    private boolean isRotated(KeyDescriptor inUse) {
        if (!inUse.provider().equals(Pkcs11Keys.TYPE)) {
            return false;
        }
        var known = new TokenKeyDescriptor(inUse);
        return known.isMade()
                && known.isIn(token.info())
                && (known.label().equals(label) || known.label().startsWith(label + "-"));
    }

    /** Whether this library made a key of this id for one store, and destroys it with that store. */
    static boolean isOwn(String id) {
        return id.startsWith(OWN_ID);
    }

    /** Destroys the key that carries a nonce, unless it is recorded by now. */
    static void destroyUnrecorded(Token token, String nonce, Set<String> recorded) {
        MAKING.lock();
        try {
            TokenKey.destroyAll(token, found -> found.equals(OWN_ID + nonce) && !recorded.contains(found));
        } finally {
            MAKING.unlock();
        }
    }

    private Chosen make(String name, String made) {
        KeyMode mode = makeable();
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
        if (isOwn(found)) {
            throw ReturnValues.keyInvalid(
                    "the key '" + label + "' in " + token + " was made for another store, which destroys it one day;"
                            + " choose another object= (to share a key, make one with the token's own tools)",
                    null);
        }
        var key = new TokenKey(token, label, found);
        key.requireConfined(exportable);
        KeyMode served = key.mode()
                .orElseThrow(() -> ReturnValues.keyInvalid(
                        "the key '" + label + "' can neither encrypt (AES) nor sign (HMAC); choose another object=",
                        null));
        if (wanted != null && wanted != served) {
            throw ReturnValues.keyInvalid(
                    "the key '" + label + "' serves the mode " + served + ", not " + wanted, null);
        }
        if (!TokenModes.usable(token.module(), token.slot()).contains(served)) {
            throw ReturnValues.keyInvalid(token + " lacks the mechanism for the key '" + label + "'", null);
        }
        return new Chosen(key, found, served, false);
    }
}
