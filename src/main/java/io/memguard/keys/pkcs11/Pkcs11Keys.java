package io.memguard.keys.pkcs11;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeptSource;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSource;
import io.memguard.keys.SecretSources;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import io.memguard.memory.Sodium;
import io.memguard.os.UserFile;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A key provider for HSMs and TPMs by PKCS #11: the key lives in the token and never leaves it.
 *
 * <p><b>Modes.</b> {@link KeyMode#DIRECT}: the token encrypts each file by AES-GCM. {@link KeyMode#ENVELOPE}: an HMAC key
 * in the token makes, at each opening, the key that unwraps the store key. A new store takes the first that the token can
 * serve, unless {@link #mode} says otherwise; the choice is recorded and never changes.
 *
 * <p><b>The key.</b> Found by its label ({@code object=}, else {@value #DEFAULT_LABEL}); a new store makes it where the
 * token has none of that label. A key made by other tools is used, if it is sensitive and not extractable, and never
 * deleted.
 *
 * <p><b>The PIN</b> goes from its source into protected memory and from there to C_Login, never over the heap; in direct
 * mode it stays in protected memory until the store is closed, for the token may want it again. A wrong PIN is tried once
 * in a process, and the last try before the token locks is never used.
 *
 * <p><b>Errors.</b> KEY_INVALID where the token, the key or the PIN is not what the store needs, or the device fails;
 * SECURITY_ERROR where the key could be read out of the token; INVALID_ARGUMENTS for a bad URI. A lost session, a logout by
 * others in the process, and a token that was away are recovered within the call.
 *
 * <p>Providers are immutable. Calls to tokens keep a virtual thread on its carrier while they last (FFM).
 */
public final class Pkcs11Keys implements KeyProvider {
    /** {@link #type()}. */
    public static final String TYPE = "pkcs11";

    /** The label of the key where the URI has no {@code object=}. */
    public static final String DEFAULT_LABEL = "memguard";

    private final Pkcs11Uri uri;
    private final SecretSource pin;
    private final @Nullable KeyMode mode;
    private final @Nullable String exportable;

    private Pkcs11Keys(Pkcs11Uri uri, SecretSource pin, @Nullable KeyMode mode, @Nullable String exportable) {
        this.uri = uri;
        this.pin = pin;
        this.mode = mode;
        this.exportable = exportable;
    }

    /** Opens by a URI that says where the PIN is ({@code pin-source=file:/path}); see {@link Pkcs11Uri}. */
    public static Pkcs11Keys uri(String uri) {
        var parsed = Pkcs11Uri.parse(uri);
        return of(
                parsed,
                pinSource(parsed)
                        .orElseThrow(() -> new MemGuardException(
                                ErrorCode.INVALID_ARGUMENTS,
                                "where is the PIN? add pin-source=file:/path to the URI, or pass a source")));
    }

    /** Opens by a URI, with the PIN from a source that goes before one in the URI. */
    public static Pkcs11Keys uri(String uri, SecretSource pin) {
        return of(Pkcs11Uri.parse(uri), pin);
    }

    /**
     * Opens by a configuration file of SunPKCS11: {@code library}, and {@code slot} or {@code slotListIndex}.
     *
     * @param label the key's
     */
    public static Pkcs11Keys configuration(Path file, String label, SecretSource pin) {
        return of(SunConfiguration.read(file).uri(label), pin);
    }

    private static Pkcs11Keys of(Pkcs11Uri uri, SecretSource pin) {
        KeyMode mode = uri.get("x-mode")
                .map(text -> text.equals("direct") ? KeyMode.DIRECT : KeyMode.ENVELOPE)
                .orElse(null);
        return new Pkcs11Keys(
                uri.requireFits(Pkcs11Uri.KEY),
                pin,
                mode,
                uri.get("x-allow-exportable").orElse(null));
    }

    /** Where a URI says that the PIN is. */
    public static Optional<SecretSource> pinSource(Pkcs11Uri uri) {
        return uri.get("pin-source").map(text -> {
            String path = text.startsWith("file:") ? text.substring("file:".length()) : text;
            path = path.startsWith("//") ? path.substring(2) : path;
            if (!path.startsWith("/")) {
                throw new MemGuardException(
                        ErrorCode.INVALID_ARGUMENTS, "pin-source is file:/absolute/path; nothing else is run or read");
            }
            return SecretSources.file(UserFile.path(path));
        });
    }

    /** With this mode for a new store; an existing store keeps its own. */
    public Pkcs11Keys mode(KeyMode chosen) {
        return new Pkcs11Keys(uri, pin, chosen, exportable);
    }

    /** Uses the key of this label although it can be read out of the token; every other such key is refused. */
    public Pkcs11Keys allowExportable(String label) {
        return new Pkcs11Keys(uri, pin, mode, label);
    }

    @Override
    public String type() {
        return TYPE;
    }

    @Override
    public CreatedKey create(StoreContext store) {
        String label = label();
        var token = Token.connect(uri, pin);
        boolean kept = false;
        try {
            var choice = new KeySelector(token, label, uri.id().orElse(null), mode, isExportAllowed(label));
            var chosen = choice.choose(store);
            try {
                var parameters =
                        TokenKeyDescriptor.parameters(token.info(), chosen.key().label(), chosen.id(), chosen.made());
                kept = chosen.mode() == KeyMode.DIRECT;
                StoreKey key = kept ? new DirectKey(chosen.key()) : wrap(chosen.key(), store, parameters);
                return new CreatedKey(key, new KeyDescriptor(TYPE, chosen.mode(), parameters));
            } catch (Throwable failure) {
                if (chosen.made()) {
                    chosen.key().destroy();
                }
                throw failure;
            }
        } catch (CkException e) {
            throw ReturnValues.failure("the key can't be made in " + token, e);
        } finally {
            if (!kept) {
                token.close();
            }
        }
    }

    private static StoreKey wrap(TokenKey kek, StoreContext store, Map<String, String> parameters) {
        byte[] salt = Sodium.random(Envelope.SALT_SIZE);
        try (var key = SecretBuffer.random(WrappedKey.KEY_SIZE)) {
            TokenKeyDescriptor.addWrapped(parameters, salt, Envelope.wrap(kek, store, salt, key));
            return StoreKey.aes256Gcm(key);
        }
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        var known = new TokenKeyDescriptor(record);
        return open(known, key -> {
            if (known.mode() == KeyMode.DIRECT) {
                return new DirectKey(key);
            }
            return Envelope.unwrap(key, store, known.salt(), known.wrapped());
        });
    }

    /**
     * {@inheritDoc}
     *
     * <p>Direct mode works through SunPKCS11, so that plaintext passes over the heap; in envelope mode the store key does,
     * too. The PIN does in neither.
     */
    @Override
    public StoreKey openOnHeap(StoreContext store, KeyDescriptor record) {
        var known = new TokenKeyDescriptor(record);
        return open(known, key -> {
            if (known.mode() == KeyMode.DIRECT) {
                var handle = SunPkcs11Bridge.key(key.token(), key.label());
                return new SunStoreKey(StoreKey.jca(handle, SunPkcs11Bridge.provider(key.token())), key.token());
            }
            return Envelope.unwrapOnHeap(key, store, known.salt(), known.wrapped());
        });
    }

    private StoreKey open(TokenKeyDescriptor known, Function<TokenKey, StoreKey> opening) {
        String label = known.label();
        uri.get("object").ifPresent(wanted -> {
            boolean rotated = known.isMade() && label.startsWith(wanted + "-");
            if (!wanted.equals(label) && !rotated) {
                throw ReturnValues.keyInvalid(
                        "the key of this store is '" + label + "' in the token '" + known.token() + "', not '" + wanted
                                + "'; correct the URI",
                        null);
            }
        });
        if (mode != null && mode != known.mode()) {
            throw ReturnValues.keyInvalid(
                    "this store has the mode " + known.mode() + ", which never changes; leave the mode out", null);
        }
        var token = Token.connect(uri, pin);
        boolean kept = false;
        try {
            var key = new TokenKey(token, label, known.id());
            key.requireConfined(isExportAllowed(label));
            StoreKey opened = opening.apply(key);
            kept = known.mode() == KeyMode.DIRECT;
            return opened;
        } catch (CkException e) {
            throw ReturnValues.failure("the key '" + label + "' can't be used", e);
        } finally {
            if (!kept) {
                token.close();
            }
        }
    }

    /** Whether the token of the URI is the recorded one, and has a key of that label and id. */
    @Override
    public boolean has(StoreContext store, KeyDescriptor record) {
        if (!opens(record.provider())) {
            return false;
        }
        var known = new TokenKeyDescriptor(record);
        try (var token = Token.connect(uri, pin)) {
            return known.isIn(token.info()) && new TokenKey(token, known.label(), known.id()).exists();
        } catch (CkException | MemGuardException e) {
            return false;
        }
    }

    /**
     * {@inheritDoc}
     *
     * <p>Destroys only what this library has made for this very store, with an id of its own. Other tools' keys stay, and keys
     * whose id was the caller's choice ({@code id=}): another store may share them.
     */
    @Override
    public void erase(StoreContext store, KeyDescriptor record) {
        var known = new TokenKeyDescriptor(record);
        if (!known.isMade() || !KeySelector.isOwn(known.id())) {
            if (known.isMade()) {
                System.getLogger(Pkcs11Keys.class.getName())
                        .log(
                                System.Logger.Level.INFO,
                                "the key ''{0}'' stays in the token ''{1}'', since its id was chosen and other stores may use it",
                                known.label(),
                                known.token());
            }
            return; // Without the wrapped key in store.meta, or the files, nothing is left to open with it.
        }
        boolean needed = store.inUse().stream()
                .filter(other -> opens(other.provider()))
                .anyMatch(other -> known.isSameKey(new TokenKeyDescriptor(other)));
        if (needed) {
            return;
        }
        if (!store.owner()) {
            throw new MemGuardException(
                    ErrorCode.CLEANUP_FAILED,
                    "it stays in the token, since this folder was copied or moved and the other one may need it");
        }
        try (var token = Token.connect(uri, pin)) {
            if (!known.isIn(token.info())) {
                throw new MemGuardException(
                        ErrorCode.CLEANUP_FAILED, token + " was given, which is not the token that has it");
            }
            new TokenKey(token, known.label(), known.id()).destroy();
        } catch (CkException e) {
            throw cleanupFailed(ReturnValues.failure("the key could not be deleted from the token", e));
        } catch (MemGuardException e) {
            throw cleanupFailed(e);
        }
    }

    @Override
    public boolean isGone(StoreContext store, KeyDescriptor record) {
        if (!opens(record.provider())) {
            return false;
        }
        var known = new TokenKeyDescriptor(record);
        try (var token = Token.connect(uri, pin)) {
            return known.isIn(token.info()) && !new TokenKey(token, known.label(), known.id()).exists();
        } catch (CkException | MemGuardException e) {
            return false;
        }
    }

    @Override
    public String place(StoreContext store) {
        try (var token = Token.connect(uri, pin)) {
            return TokenKeyDescriptor.place(token.info());
        } catch (CkException e) {
            throw ReturnValues.failure("the token can't be reached", e);
        }
    }

    /** By the nonce, which no other key has. */
    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {
        if (store.nonce().isEmpty() || !store.owner()) {
            return;
        }
        var ids = recorded.stream()
                .filter(record -> record.provider().equals(TYPE))
                .map(record -> new TokenKeyDescriptor(record).id())
                .collect(Collectors.toSet());
        try (var token = Token.connect(uri, pin)) {
            if (!store.place().isEmpty() && !store.place().equals(TokenKeyDescriptor.place(token.info()))) {
                throw new MemGuardException(
                        ErrorCode.CLEANUP_FAILED, "it may have been made in another token than " + token);
            }
            KeySelector.destroyUnrecorded(token, store.nonce(), ids);
        } catch (CkException e) {
            throw cleanupFailed(
                    ReturnValues.failure("what a killed key change has left can't be removed from the token", e));
        }
    }

    private static MemGuardException cleanupFailed(MemGuardException e) {
        return e.code() == ErrorCode.CLEANUP_FAILED
                ? e
                : new MemGuardException(
                        ErrorCode.CLEANUP_FAILED, "the key could not be deleted from the token: " + e.getMessage(), e);
    }

    /**
     * The token as SunPKCS11 shows it, logged in, to list and delete keys and certificates. Values that are encrypted
     * through it pass over the heap. Never {@code setKeyEntry} into it: SunPKCS11 copies objects, and leaves two of a name.
     */
    public KeyStore keyStore() {
        // Stays connected: the login ends with the last session of the process.
        return SunPkcs11Bridge.keyStore(Token.connect(uri, pin));
    }

    /** Wipes the PIN where its source has kept it; sessions belong to the open keys. */
    @Override
    public void close() {
        KeptSource.forget(pin);
    }

    private String label() {
        return uri.get("object").orElse(DEFAULT_LABEL);
    }

    private boolean isExportAllowed(String label) {
        return label.equals(exportable);
    }
}
