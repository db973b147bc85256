package io.memguard.store;

import io.memguard.keys.StoreContext;
import io.memguard.os.DurableFile;
import io.memguard.os.FileVersion;
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
    private volatile @Nullable Seen seen;

    DirectoryKeyringStorage(StoreLayout layout) throws IOException {
        this.layout = layout;
        this.identity = identity(layout);
    }

    /** The metadata that was read last. */
    private record Seen(FileVersion file, long keyEpoch) {}

    /** An opening that fails must not make the counters. */
    void use(Generations opened) {
        generations = opened;
    }

    /** Inode and time of birth: a copy has others, a folder that was moved within its file system keeps them. */
    private static String identity(StoreLayout layout) throws IOException {
        var status = Posix.identity(layout.workingPath());
        return HexFormat.of().toHexDigits(status.inode()) + HexFormat.of().toHexDigits(status.birth());
    }

    @Override
    public Optional<byte[]> metadata() throws IOException {
        var opened = SmallFile.open(layout.metadata(), Metadata.MAX_SIZE);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        try (var file = opened.get()) {
            byte[] content = file.read();
            seen = new Seen(file.version(), Metadata.parse(content).keyEpoch());
            return Optional.of(content);
        }
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
        Posix.syncDirectory(layout.workingPath());
    }

    @Override
    public long keyEpoch() {
        Generations opened = generations;
        Seen last = seen;
        return opened != null
                        && last != null
                        && (!opened.isShared() || opened.keyEpoch() == last.keyEpoch())
                        && isStill(last.file())
                ? last.keyEpoch()
                : CHANGING;
    }

    /** A restore may have put other metadata in place, and the counters that fit this one, in either order. */
    private boolean isStill(FileVersion read) {
        try {
            return FileVersion.of(layout.metadata()).filter(read::equals).isPresent();
        } catch (IOException e) {
            return false; // Reading it says why.
        }
    }

    @Override
    public void keyEpoch(long number) {
        Objects.requireNonNull(generations).keyEpoch(number);
    }

    @Override
    public StoreContext context(String storeId) {
        return new StoreContext(storeId, layout.displayPath(), layout.workingPath(), false);
    }

    @Override
    public String identity() {
        return identity;
    }
}
