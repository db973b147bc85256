package io.memguard.storage;

import java.nio.file.Path;

/**
 * Where a key provider may keep small public files of its own beside the entries.
 *
 * @param directory as users know it
 * @param files leads to that directory, whatever becomes of its name in the meantime
 */
public record Attachments(Path directory, Path files) {}
