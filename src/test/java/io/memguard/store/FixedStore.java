package io.memguard.store;

import io.memguard.FixedKeys;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.keyring.EntryCipher;
import io.memguard.store.keyring.EntryCipher.Purpose;
import io.memguard.store.keyring.KeyCheck;
import io.memguard.store.keyring.KeyLoader;
import io.memguard.store.keyring.Metadata;
import io.memguard.store.keyring.MetadataStore;
import io.memguard.store.keyring.OwnedKey;
import io.memguard.store.keyring.Sha256;
import io.memguard.store.rollback.RollbackGuards;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A store whose id and keys are always the same, so that files which were sealed for it once can be kept as seeds. */
final class FixedStore {
    static final String ID = "0123456789abcdef0123456789abcdef";
    static final String NAME = "fuzzed";
    static final String OTHER = "untouched";
    static final String VALUE = "the value";
    static final String OLDER = "an older value";
    private static final KeyDescriptor RECORD = new KeyDescriptor("fixed", KeyMode.ENVELOPE, Map.of());

    private static final Map<Long, EntryCipher> SEALS = new ConcurrentHashMap<>();

    private final Path directory;
    private final SecretStore store;
    private final KeyLoader loader;

    private FixedStore(Path directory, SecretStore store, KeyLoader loader) {
        this.directory = directory;
        this.store = store;
        this.loader = loader;
    }

    /** Made in a temporary folder; holds {@link #NAME} and {@link #OTHER}. */
    static FixedStore make() throws IOException {
        Path parent = Files.createTempDirectory("fixed");
        var place = new DirectoryStorageProvider(parent);
        var storage = place.create();
        Path directory = parent.resolve("memguard_secure");
        Files.write(
                directory.resolve("store.meta"),
                KeyCheck.seal(seal(1), metadata()).toBytes());
        var store = StoreOpener.open(place, OpenMode.EXISTING, new FixedKeys(1));
        for (String name : Set.of(NAME, OTHER)) {
            try (var value = Secrets.text(VALUE)) {
                value.<@Nullable Void, RuntimeException>read(text -> {
                    store.write(SecretName.of(name), text);
                    return null;
                });
            }
        }
        var loader = new KeyLoader(new MetadataStore(storage, new RollbackGuards(null)), new FixedKeys(1));
        return new FixedStore(directory, store, loader);
    }

    SecretStore store() {
        return store;
    }

    Path valueFile() {
        return directory.resolve("mg_" + SecretName.of(NAME).hex() + ".dat");
    }

    Path nameFile() {
        return directory.resolve("mg_" + SecretName.of(NAME).hex() + ".name");
    }

    KeyLoader loader() {
        return loader;
    }

    /** Under the key of a number; lives as long as the process. */
    static EntryCipher seal(long number) {
        return SEALS.computeIfAbsent(number, key -> new EntryCipher(key(key), ID));
    }

    private static StoreKey key(long number) {
        try (var key = Secrets.random(WrappedKey.KEY_SIZE, number)) {
            return StoreKey.aes256Gcm(key);
        }
    }

    static Metadata metadata() {
        return Metadata.of(ID, new OwnedKey(RECORD, ""), KeyCheck.of(seal(1)));
    }

    /** Writes the seeds anew; for a new version of the format. */
    public static void main(String[] arguments) throws IOException {
        Path seeds = Path.of(arguments[0]);
        write(seeds.resolve("ValueFileFuzzer/good-value"), sealed(1, Purpose.VALUE, NAME, VALUE));
        write(seeds.resolve("ValueFileFuzzer/good-older-value"), sealed(1, Purpose.VALUE, NAME, OLDER));
        write(seeds.resolve("ValueFileFuzzer/bad-another-name"), sealed(1, Purpose.VALUE, OTHER, VALUE));
        write(seeds.resolve("ValueFileFuzzer/bad-another-key"), sealed(2, Purpose.VALUE, NAME, VALUE));
        write(seeds.resolve("ValueFileFuzzer/bad-a-name"), sealed(1, Purpose.NAME, NAME, NAME));
        write(seeds.resolve("NameFileFuzzer/good-name"), sealed(1, Purpose.NAME, NAME, NAME));
        write(seeds.resolve("NameFileFuzzer/bad-another-name"), sealed(1, Purpose.NAME, OTHER, OTHER));
        write(seeds.resolve("NameFileFuzzer/bad-a-value"), sealed(1, Purpose.VALUE, NAME, VALUE));

        byte[] check = KeyCheck.of(seal(2));
        var next = new Metadata.Next(new OwnedKey(RECORD, ""), check, wrappedKey(check), false);
        var moving = metadata().withNextKey(next);
        write(seeds.resolve("MetadataFuzzer/good-one-key"), sealed(seal(1), metadata()));
        write(seeds.resolve("MetadataFuzzer/good-next-key"), sealed(seal(1), moving));
        write(seeds.resolve("MetadataFuzzer/bad-another-key"), sealed(seal(2), moving.promoted()));
        write(seeds.resolve("MetadataFuzzer/bad-no-seal"), metadata().toBytes());
    }

    private static byte[] sealed(long number, Purpose purpose, String name, String text) {
        return Base64.getEncoder()
                .encode(seal(number).seal(purpose, SecretName.of(name).hash(), utf8(text)));
    }

    private static byte[] sealed(EntryCipher seal, Metadata metadata) {
        return resealed(seal, metadata).toBytes();
    }

    /** What only somebody with the key can make. */
    static Metadata resealed(EntryCipher seal, Metadata metadata) {
        byte[] covered = Sha256.of(metadata.sealedPart());
        return metadata.withSeal(seal.seal(Purpose.METADATA, covered, utf8("any text")));
    }

    private static byte[] wrappedKey(byte[] check) {
        byte[] place = Sha256.of(check);
        try (var key = Secrets.random(WrappedKey.KEY_SIZE, 2)) {
            return key.<byte[], RuntimeException>read(raw -> seal(1).seal(Purpose.NEXT_KEY, place, raw));
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void write(Path file, byte[] content) throws IOException {
        Files.createDirectories(file.getParent());
        Files.write(file, content);
    }
}
