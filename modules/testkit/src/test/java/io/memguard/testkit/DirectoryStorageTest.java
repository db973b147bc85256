package io.memguard.testkit;

import io.memguard.storage.StorageProvider;
import io.memguard.storage.directory.DirectoryStorageProvider;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class DirectoryStorageTest extends StorageContract {
    @TempDir
    Path parent;

    @Override
    protected StorageProvider emptyPlace() {
        return new DirectoryStorageProvider(parent);
    }
}
