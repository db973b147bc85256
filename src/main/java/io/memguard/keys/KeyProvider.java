package io.memguard.keys;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import java.util.List;

/**
 * Brings the key of a store: built in are a software keystore and PKCS#11; bring your own for a cloud KMS.
 *
 * <p>Contract for implementors:
 *
 * <ul>
 *   <li><b>Threads.</b> Calls on one provider do not overlap. The {@link StoreKey} it returns is used by many threads.
 *   <li><b>Memory.</b> A raw key lives in a {@link io.memguard.SecretBuffer} that the provider closes. The store never
 *       sees raw keys. The caller owns the returned {@link StoreKey} and closes it before the provider.
 *   <li><b>Errors.</b> {@link io.memguard.ErrorCode#KEY_INVALID} where the key is missing, replaced or can't be
 *       unlocked; {@link io.memguard.ErrorCode#SECURITY_ERROR} where it could be used but must not be. Messages say what
 *       to do and carry no secret.
 *   <li><b>Never a second key.</b> {@link #open} must not make, replace or delete anything, whatever it finds.
 * </ul>
 *
 * <p>Registered as a {@link java.util.ServiceLoader} service, a provider is found by its {@link #type()}.
 */
public interface KeyProvider extends AutoCloseable {
    /** A stable name, {@code a-z0-9-}, that goes into the metadata: a store opens with the provider that made it only. */
    String type();

    /** Whether it opens stores that a provider of this type made; its own, unless it stands for several. */
    default boolean opens(String type) {
        return type().equals(type);
    }

    /**
     * Makes the key of a new store, or ({@link StoreContext#existing}) another key for a store that has one, which stays as
     * it is. Called under the store's lock.
     */
    CreatedKey create(StoreContext store);

    /** Opens the key that {@link #create} recorded; changes nothing. */
    StoreKey open(StoreContext store, KeyDescriptor record);

    /**
     * Opens the key where the native libraries can't be loaded, by JCA alone; changes nothing. Keys and plaintext may
     * pass over the heap: the caller has chosen that ({@code allowDegraded()}).
     *
     * @throws io.memguard.MemGuardException SECURITY_ERROR where the provider has no such route, which is the default
     */
    default StoreKey openOnHeap(StoreContext store, KeyDescriptor record) {
        throw new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "the provider '" + type() + "' can't work without the native libraries; fix those first");
    }

    /**
     * Whether this provider has exactly that key now, by what can be known without unlocking it: the token by its serial
     * number, a file by its digest. Asked where several places may have keys of the same name.
     */
    default boolean has(StoreContext store, KeyDescriptor record) {
        return opens(record.provider());
    }

    /**
     * Whether it is certain that the key was here, in the very place that the record names, and is destroyed. False where it
     * is not certain, as it is unless overridden.
     */
    default boolean isGone(StoreContext store, KeyDescriptor record) {
        return false;
    }

    /** Names where {@link #create} would make a key now, by up to 64 of {@code a-z0-9}: a token, a file. */
    default String place(StoreContext store) {
        return "";
    }

    /**
     * Destroys what the provider keeps of this key outside of the metadata, so that no copy of the store can be opened with
     * it any more; other keys of the same store stay. Idempotent: what was destroyed before is no error, but only where it
     * is certain that the key was here; a key that is in a place that can't be reached is not destroyed.
     *
     * <p>Never destroys one of {@link StoreContext#inUse}, nor, outside of the store's folder, a key that may be another
     * folder's ({@link StoreContext#owner}).
     *
     * @throws io.memguard.MemGuardException CLEANUP_FAILED where the key may still exist; says where
     */
    void erase(StoreContext store, KeyDescriptor record);

    /**
     * Destroys what a {@link #create} has left whose process was killed before the record was written: keys that carry
     * {@link StoreContext#nonce} and whose record is not among these. Does nothing unless overridden.
     *
     * @throws io.memguard.MemGuardException CLEANUP_FAILED where the place of such a key can't be reached
     */
    default void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {}

    /** Wipes passphrases and ends sessions. Idempotent. */
    @Override
    void close();
}
