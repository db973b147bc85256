package io.memguard.store;

import io.memguard.keys.StoreContext;
import io.memguard.os.DurableFile;
import io.memguard.os.Posix;
import io.memguard.os.SmallFile;
import io.memguard.store.keyring.KeyringStorage;
import io.memguard.store.keyring.Metadata;
import java.io.IOException;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The file {@code store.meta}, and the last of the counters in {@code store.generations}. */
final class DirectoryKeyringStorage implements KeyringStorage {
    private final StoreLayout layout;
    private final String identity;
    private volatile @Nullable Generations generations;

    DirectoryKeyringStorage(StoreLayout layout) throws IOException {
        this.layout = layout;
        this.identity = identity(layout);
    }

    /** An opening that fails must not make the counters. */
    void use(Generations opened) {
        generations = opened;
    }

    /** Inode and time of birth: a copy has others, a folder that was moved within its file system keeps them. */
    private static String identity(StoreLayout layout) throws IOException {
        var status = Posix.identity(layout.directory());
        return HexFormat.of().toHexDigits(status.inode()) + HexFormat.of().toHexDigits(status.birth());
    }

    @Override
    public Optional<byte[]> metadata() throws IOException {
        return SmallFile.read(layout.metadata(), Metadata.MAX_SIZE);
    }

    @Override
    public void replaceMetadata(byte[] content) throws IOException {
        DurableFile.replace(layout.metadata(), content, StoreLayout.temporaryPrefix(0), () -> {});
    }

    @Override
    public void removeMetadata() throws IOException {
        DurableFile.delete(layout.metadata());
    }

    @Override
    public void syncMetadata() throws IOException {
        Posix.syncDirectory(layout.directory());
    }

    @Override
    public long epoch() {
        Generations opened = generations;
        return opened == null ? CHANGING : opened.keyEpoch();
    }

    @Override
    public void epoch(long number) {
        Objects.requireNonNull(generations).keyEpoch(number);
    }

    @Override
    public StoreContext context(String storeId) {
        return new StoreContext(storeId, layout.name(), layout.directory(), false);
    }

    @Override
    public String identity() {
        return identity;
    }
}
