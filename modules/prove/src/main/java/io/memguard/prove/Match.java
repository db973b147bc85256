package io.memguard.prove;

/**
 * Something that was found.
 *
 * @param canary its name
 * @param encoding how it was written
 * @param where the first piece and its place, to find the cause by
 * @param windows how many pieces of 8 bytes were found, copies included
 */
public record Match(String canary, String encoding, String where, long windows) {}
