package io.memguard.storage;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * An entry of a store: the encrypted value of a secret, or its encrypted name. The natural order is the one in which locks are
 * taken.
 *
 * @param hash the SHA-256 of the name; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // Compared by its content.
public record EntryId(Kind kind, byte[] hash) implements Comparable<EntryId> {
    /** What an entry holds. */
    public enum Kind {
        VALUE,
        NAME
    }

    /** Bytes of a hash. */
    public static final int HASH_SIZE = 32;

    /** How many locks, and how many counters, all entries share. */
    public static final int STRIPES = 1 << 16;

    /** Checks the length. */
    public EntryId {
        if (hash.length != HASH_SIZE) {
            throw new IllegalArgumentException("a hash has " + HASH_SIZE + " bytes, not " + hash.length);
        }
    }

    /** The value of a secret. */
    public static EntryId value(byte[] hash) {
        return new EntryId(Kind.VALUE, hash);
    }

    /** The value of the same secret. */
    public EntryId value() {
        return kind == Kind.VALUE ? this : new EntryId(Kind.VALUE, hash);
    }

    /** The name of the same secret. */
    public EntryId name() {
        return kind == Kind.NAME ? this : new EntryId(Kind.NAME, hash);
    }

    public boolean isValue() {
        return kind == Kind.VALUE;
    }

    /** Which lock and which generation counter it shares with some other entries, its name or value among them. */
    public int stripe() {
        return (hash[0] & 0xFF) << 8 | (hash[1] & 0xFF);
    }

    /** The hash, in 64 lower-case digits. */
    public String hex() {
        return HexFormat.of().formatHex(hash);
    }

    @Override
    public int compareTo(EntryId other) {
        int order = Arrays.compareUnsigned(hash, other.hash);
        return order != 0 ? order : kind.compareTo(other.kind);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EntryId id && kind == id.kind && Arrays.equals(hash, id.hash);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(hash) + kind.hashCode();
    }

    @Override
    public String toString() {
        return kind + " " + hex();
    }
}
