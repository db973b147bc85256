package io.memguard.storage;

/**
 * When an entry had the content that was read.
 *
 * @param generation it is current as long as {@link Generations#get} gives this number
 * @param version and only if the storage still has this version of it: a restore changes entries without a new generation. The
 *     storage's own, compared by {@code equals}: a file's identity, a revision
 * @param settled whether whatever replaces the entry from now on has another version for certain
 */
public record Moment(long generation, Object version, boolean settled) {
    /** Of what is in no storage. */
    public static final Object NO_VERSION = new Object();
}
