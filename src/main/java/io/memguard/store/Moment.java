package io.memguard.store;

import io.memguard.os.FileVersion;

/**
 * When a value was the current one.
 *
 * @param generation it is current as long as {@link SecretStore#generation} gives this number
 * @param file and only if its file is still this one: a restore puts others in place without a new number
 */
public record Moment(long generation, FileVersion file) {}
