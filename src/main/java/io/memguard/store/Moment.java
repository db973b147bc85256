package io.memguard.store;

import io.memguard.os.FileVersion;

/**
 * When a value was the current one.
 *
 * @param generation it is current as long as {@link SecretStore#generation} gives this number
 * @param file and only if its file is still this one: a restore puts others in place without a new number
 * @param settled whether whatever replaces the file from now on has another version for certain
 */
public record Moment(long generation, FileVersion file, boolean settled) {
    /** A look at a file, now. */
    static Moment of(long generation, FileVersion file) {
        return new Moment(generation, file, file.isSettled());
    }

    /** The same file under another generation. */
    Moment under(long other) {
        return new Moment(other, file, settled);
    }
}
