package io.memguard.storage.directory;

import io.memguard.os.SmallFile;
import io.memguard.storage.Storage;
import io.memguard.storage.StorageProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** The storage {@code memguard_secure} in a directory. */
public final class DirectoryStorageProvider implements StorageProvider {
    private final Path parent;
    private final DirectoryAccess access;

    /** @param access what the caller has chosen about the place */
    public DirectoryStorageProvider(Path parent, DirectoryAccess access) {
        this.parent = parent.toAbsolutePath().normalize();
        this.access = access;
    }

    /** With the usual permissions. */
    public DirectoryStorageProvider(Path parent) {
        this(parent, DirectoryAccess.USUAL);
    }

    @Override
    public String location() {
        return parent.toString();
    }

    @Override
    public Optional<byte[]> metadata() throws IOException {
        return SmallFile.read(StoreLayout.in(parent).metadata(), Storage.MAX_METADATA);
    }

    @Override
    public Optional<Storage> open() throws IOException {
        Optional<StoreDirectory> directory = StoreDirectory.open(parent, access);
        return directory.isEmpty() ? Optional.empty() : Optional.of(storage(directory.get()));
    }

    @Override
    public Storage create() throws IOException {
        return storage(StoreDirectory.create(parent, access));
    }

    private static Storage storage(StoreDirectory directory) throws IOException {
        try {
            return new DirectoryStorage(directory);
        } catch (Throwable failure) {
            directory.close();
            throw failure;
        }
    }
}
