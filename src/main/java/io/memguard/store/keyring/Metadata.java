package io.memguard.store.keyring;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.keys.KeyDescriptor;
import io.memguard.storage.Storage;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a store says of itself; {@link MetadataText} is how it is written. The seal covers all of it under the store key; a
 * check of the key alone is beside it, so that a wrong key and a changed file are told apart. Immutable.
 *
 * @param key under which the files are
 * @param recorded whether a token keeps records of the files, to detect rollbacks
 * @param next the key that the store switches to, while it does
 * @param old keys that no file is under any more, and that their providers still have to destroy
 * @param unfinished keys that may have been made, by a process that was killed before it could name them
 * @param removing whether the store is being removed
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
public record Metadata(
        String storeId,
        OwnedKey key,
        byte[] keyCheck,
        boolean recorded,
        Optional<Next> next,
        List<OwnedKey> old,
        List<Unfinished> unfinished,
        boolean removing,
        byte[] seal) {
    /** Of all that is written. */
    public static final int FORMAT = 1;

    /** Larger files are not ours. */
    public static final int MAX_SIZE = Storage.MAX_METADATA;

    private static final byte[] NONE = {};

    /**
     * The key that a store switches to.
     *
     * @param wrappedKey the key itself under the current one; empty where it can't leave its token
     * @param abandoned whether the change is given up: all goes back under the current key
     */
    @SuppressWarnings("ArrayRecordComponent")
    public record Next(OwnedKey key, byte[] keyCheck, byte[] wrappedKey, boolean abandoned) {}

    /**
     * The intention to make a key, written before the key is made.
     *
     * @param provider the type of the provider
     * @param nonce 16 hexadecimal digits, which the key carries
     * @param folder as {@link OwnedKey#folder}
     * @param place as {@link io.memguard.keys.KeyProvider#place}
     */
    public record Unfinished(String provider, String nonce, String folder, String place) {}

    /** Of a store with one key. */
    public static Metadata of(String storeId, OwnedKey key, byte[] keyCheck) {
        return new Metadata(storeId, key, keyCheck, false, Optional.empty(), List.of(), List.of(), false, NONE);
    }

    public Metadata {
        old = List.copyOf(old);
        unfinished = List.copyOf(unfinished);
    }

    /** The provider's record of the current key. */
    public KeyDescriptor keyRecord() {
        return key.record();
    }

    /** Another number for each metadata that was ever written: its seal begins with a random IV. */
    public long keyEpoch() {
        long number = seal.length < Long.BYTES ? 1 : ByteBuffer.wrap(seal).getLong();
        return number == Storage.CHANGING ? 1 : number;
    }

    public Metadata withSeal(byte[] made) {
        return new Metadata(storeId, key, keyCheck, recorded, next, old, unfinished, removing, made);
    }

    Metadata withUnfinished(Unfinished intention) {
        return with(
                next,
                old,
                Stream.concat(unfinished.stream(), Stream.of(intention)).toList());
    }

    Metadata without(Unfinished intention) {
        return with(
                next,
                old,
                unfinished.stream().filter(each -> !each.equals(intention)).toList());
    }

    /** On the way to another key, which was an intention before. */
    public Metadata withNextKey(Next other) {
        return with(Optional.of(other), old, unfinished);
    }

    /** The next key is the current one; the one before is to be destroyed. */
    public Metadata promoted() {
        Next other = next.orElseThrow();
        return new Metadata(
                storeId,
                other.key(),
                other.keyCheck(),
                recorded,
                Optional.empty(),
                and(key),
                unfinished,
                removing,
                NONE);
    }

    /** On the way back to the current key. */
    Metadata abandoning() {
        Next other = next.orElseThrow();
        return with(Optional.of(new Next(other.key(), other.keyCheck(), other.wrappedKey(), true)), old, unfinished);
    }

    /** Back under the current key alone; the next one is to be destroyed. */
    Metadata withoutNext() {
        return with(Optional.empty(), and(next.orElseThrow().key()), unfinished);
    }

    Metadata without(OwnedKey destroyed) {
        return with(next, old.stream().filter(each -> !each.equals(destroyed)).toList(), unfinished);
    }

    /** With or without records. */
    public Metadata withRecords(boolean kept) {
        return new Metadata(storeId, key, keyCheck, kept, next, old, unfinished, removing, NONE);
    }

    Metadata beingRemoved() {
        return new Metadata(storeId, key, keyCheck, recorded, next, old, unfinished, true, NONE);
    }

    /** Whether it differs in nothing but the records. */
    boolean hasKeysOf(Metadata other) {
        return Arrays.equals(
                withRecords(false).sealedPart(), other.withRecords(false).sealedPart());
    }

    private List<OwnedKey> and(OwnedKey another) {
        return Stream.concat(old.stream(), Stream.of(another)).toList();
    }

    private Metadata with(Optional<Next> other, List<OwnedKey> olds, List<Unfinished> intentions) {
        return new Metadata(storeId, key, keyCheck, recorded, other, olds, intentions, removing, NONE);
    }

    /** The keys that files are under, or may be. */
    List<KeyDescriptor> inUse() {
        return Stream.concat(Stream.of(key), next.stream().map(Next::key))
                .map(OwnedKey::record)
                .toList();
    }

    /** Of all keys that it names. */
    public List<KeyDescriptor> records() {
        var all = new ArrayList<>(inUse());
        old.forEach(each -> all.add(each.record()));
        return all;
    }

    /** The bytes that {@link #seal} covers. */
    public byte[] sealedPart() {
        return MetadataText.sealedPart(this);
    }

    /** As it is in the file. */
    public byte[] toBytes() {
        return MetadataText.toBytes(this);
    }

    /**
     * Reads it back; a text that {@link #toBytes} would not write is refused.
     *
     * @throws MemGuardException SECURITY_ERROR
     */
    public static Metadata parse(byte[] file) {
        return MetadataText.parse(file);
    }

    static MemGuardException damaged(String what) {
        return new MemGuardException(
                ErrorCode.SECURITY_ERROR,
                "the metadata file memguard_secure/store.meta is damaged or was changed (" + what
                        + "); restore it from a backup of this store");
    }
}
