package io.memguard.testkit;

import io.memguard.storage.Storage;
import io.memguard.storage.StorageProvider;
import java.util.Optional;

/** A place in the memory of this process. Every storage that it opens is what another process would have. */
public final class InMemoryStorageProvider implements StorageProvider {
    private final InMemoryPlace place = new InMemoryPlace();

    /** A place where there is nothing yet. */
    public InMemoryStorageProvider() {}

    @Override
    public String location() {
        return InMemoryStorage.LOCATION;
    }

    @Override
    public Optional<byte[]> metadata() {
        return Optional.ofNullable(place.metadata)
                .map(stored -> stored.content().clone());
    }

    @Override
    public Optional<Storage> open() {
        return place.exists ? Optional.of(new InMemoryStorage(place)) : Optional.empty();
    }

    @Override
    public Storage create() {
        place.exists = true;
        return new InMemoryStorage(place);
    }
}
