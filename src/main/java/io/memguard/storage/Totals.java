package io.memguard.storage;

/**
 * How much is stored.
 *
 * @param items values
 * @param bytes that the storage needs for them
 */
public record Totals(long items, long bytes) {}
