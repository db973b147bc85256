package io.memguard.storage.directory;

import io.memguard.os.SmallFile;
import io.memguard.storage.Ciphertext;
import io.memguard.storage.Moment;
import io.memguard.storage.OpenEntry;
import java.io.IOException;

/** A file that is open: it stays as it is, since writers put another one in its place. */
record FileEntry(SmallFile file, long generation) implements OpenEntry {
    @Override
    public Ciphertext read() throws IOException {
        return Base64Ciphertext.read(file);
    }

    @Override
    public Moment moment() {
        return new Moment(generation, file.version(), file.version().isSettled());
    }

    @Override
    public void close() {
        file.close();
    }
}
