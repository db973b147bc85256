package io.memguard.keylife;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.os.DurableFile;
import io.memguard.os.SmallFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Keeps keys in files of the store's folder as the software keystore does, at the same names and by the same steps, but as
 * they are: thousands of stores are made with it. Each has a name, for the passphrase.
 */
final class KeyFiles implements KeyProvider {
    private static final String TYPE = "files";
    private static final String FILE = "keystore.bcfks";
    private static final String SUFFIX = "suffix";
    private static final String OF = "of";
    private static final int SIZE = 32;

    private final String name;

    KeyFiles(String name) {
        this.name = name;
    }

    @Override
    public String type() {
        return TYPE;
    }

    private static Path file(StoreContext store, KeyDescriptor record) {
        return store.files().resolve(FILE + record.parameters().get(SUFFIX));
    }

    @Override
    public CreatedKey create(StoreContext store) {
        String suffix = store.existing() ? "-" + store.nonce().substring(0, 8) : "-";
        var record = new KeyDescriptor(TYPE, KeyMode.ENVELOPE, Map.of(SUFFIX, suffix, OF, name));
        try (var key = SecretBuffer.random(SIZE)) {
            create(file(store, record), key.<byte[], RuntimeException>read(raw -> raw.toArray(ValueLayout.JAVA_BYTE)));
            return new CreatedKey(StoreKey.aes256Gcm(key), record);
        } catch (IOException e) {
            throw new MemGuardException(ErrorCode.STORE_FAILED, "the file of the key could not be made; try again", e);
        }
    }

    private static void create(Path file, byte[] content) throws IOException {
        DurableFile.create(file, content, ".tmp_key_");
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        try {
            var content = SmallFile.read(file(store, record), SIZE);
            if (content.isEmpty() || !name.equals(record.parameters().get(OF))) {
                throw new MemGuardException(
                        ErrorCode.KEY_INVALID, "there is no such key of '" + name + "'; restore it");
            }
            try (var key = SecretBuffer.consume(content.get())) {
                return StoreKey.aes256Gcm(key);
            }
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.RETRIEVE_FAILED, "the file of the key could not be read; try again", e);
        }
    }

    @Override
    public boolean isGone(StoreContext store, KeyDescriptor record) {
        return opens(record.provider()) && Files.notExists(file(store, record));
    }

    @Override
    public void erase(StoreContext store, KeyDescriptor record) {
        if (!store.inUse().contains(record)) {
            delete(file(store, record));
        }
    }

    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {
        var kept = recorded.stream().map(record -> file(store, record)).toList();
        try (Stream<Path> files = Files.list(store.files())) {
            files.filter(file -> String.valueOf(file.getFileName()).startsWith(FILE + "-") && !kept.contains(file))
                    .toList()
                    .forEach(KeyFiles::delete);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path file) {
        try {
            DurableFile.delete(file);
        } catch (IOException e) {
            throw new MemGuardException(ErrorCode.CLEANUP_FAILED, "the file of the key could not be deleted", e);
        }
    }

    @Override
    public void close() {}
}
