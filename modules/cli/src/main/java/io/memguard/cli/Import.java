package io.memguard.cli;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.memory.SealedBytes;
import io.memguard.migration.Entry;
import io.memguard.store.SecretName;
import java.util.ArrayList;
import java.util.List;

/**
 * What another tool's file holds, on its way into a store: everything is checked and opened before the first write. Values
 * wait sealed, so that each is opened once.
 */
final class Import implements AutoCloseable {
    private final MemGuard guard;
    private final String prefix;
    private final List<Entry> entries;
    private final List<SealedBytes> values = new ArrayList<>();

    Import(MemGuard guard, String prefix, List<Entry> entries) {
        this.guard = guard;
        this.prefix = prefix;
        this.entries = entries;
    }

    /** Whether the store takes these names. */
    void requireNames(boolean force) {
        int known = 0;
        for (Entry entry : entries) {
            try {
                SecretName.of(prefix + entry.name());
            } catch (MemGuardException e) {
                throw new MemGuardException(e.code(), entry.place() + ": " + e.getMessage(), e);
            }
            known += guard.contains(prefix + entry.name()) ? 1 : 0;
        }
        if (known > 0 && !force) {
            throw new MemGuardException(
                    ErrorCode.INVALID_ARGUMENTS,
                    known + " of " + entries.size()
                            + " names are stored already; nothing was imported; give --force to replace them, or --prefix");
        }
    }

    /** Opens all of them, or none is stored. */
    void open() {
        var progress = new ProgressBar("values opened");
        for (Entry entry : entries) {
            try (var value = SecretBuffer.consume(entry.value())) {
                values.add(value.read(SealedBytes::copyOf));
            }
            progress.at(values.size(), entries.size());
        }
    }

    /** Stores all; where that fails in between, says which ones are stored. */
    void store() {
        var progress = new ProgressBar("values stored");
        for (int i = 0; i < entries.size(); i++) {
            String name = prefix + entries.get(i).name();
            try {
                values.get(i).read(value -> guard.store(name, value));
            } catch (MemGuardException e) {
                throw i == 0 ? e : partly(i, e);
            }
            progress.at(i + 1, entries.size());
        }
    }

    private MemGuardException partly(int stored, MemGuardException cause) {
        for (Entry entry : entries.subList(0, stored)) {
            System.err.println("memguard: stored: " + Json.escapeControls(prefix + entry.name()));
        }
        return new MemGuardException(
                cause.code(),
                "the first " + stored + " of " + entries.size() + " values, up to "
                        + entries.get(stored - 1).place() + " of the file, are stored; the others are as they were: "
                        + cause.getMessage() + "; import again with --force",
                cause);
    }

    @Override
    public void close() {
        values.forEach(SealedBytes::close);
    }
}
