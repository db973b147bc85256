package io.memguard.store;

import io.memguard.storage.EntryId;
import io.memguard.storage.Fingerprint;

/** A value on its way to the storage, encrypted; the caller closes it. */
public final class NewValue implements AutoCloseable {
    private final SecretName name;
    private final SealedEntry sealed;
    private final Fingerprint fingerprint;
    private final long keyEpoch;

    NewValue(SecretName name, SealedEntry sealed, long keyEpoch) {
        this.name = name;
        this.sealed = sealed;
        this.fingerprint = sealed.fingerprint();
        this.keyEpoch = keyEpoch;
    }

    SecretName name() {
        return name;
    }

    EntryId id() {
        return name.value();
    }

    SealedEntry sealed() {
        return sealed;
    }

    Fingerprint fingerprint() {
        return fingerprint;
    }

    /** Under which keys it was encrypted. */
    long keyEpoch() {
        return keyEpoch;
    }

    /** The length of its ciphertext in bytes. */
    public long size() {
        return sealed.size();
    }

    /** Frees the memory of a large one. */
    @Override
    public void close() {
        sealed.close();
    }
}
