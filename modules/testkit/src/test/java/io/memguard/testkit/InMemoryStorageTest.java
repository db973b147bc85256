package io.memguard.testkit;

import io.memguard.storage.StorageProvider;

class InMemoryStorageTest extends StorageContract {
    @Override
    protected StorageProvider emptyPlace() {
        return new InMemoryStorageProvider();
    }
}
