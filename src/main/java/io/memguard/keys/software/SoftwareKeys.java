package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.KeptSource;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.KeyRecord;
import io.memguard.keys.NewKey;
import io.memguard.keys.SecretSource;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import io.memguard.memory.Sodium;
import io.memguard.os.DurableFile;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A key provider for machines without an HSM or a TPM: the store key lies wrapped in a BCFKS container, and opens with a
 * passphrase.
 *
 * <p>Passphrase → Argon2id → HKDF: one branch is the container's password, one the key that wraps the store key, which
 * never touches the heap. The passphrase is asked for once at each opening and wiped right after.
 */
public final class SoftwareKeys implements KeyProvider {
    /** {@link #type()}. */
    public static final String TYPE = "software";

    private static final String DEFAULT_CONTAINER = "keystore.bcfks";
    private static final String SALT = "argon2id-salt";
    private static final String CHECK = "passphrase-check";
    private static final String SUFFIX = "container-suffix";
    private static final String SUFFIX_PATTERN = "-[0-9a-f]{8}";
    private static final int CONTAINER_LIMIT = 1 << 20;

    private final SecretSource passphrase;
    private final @Nullable Path container;
    private final Argon2Cost cost;

    private SoftwareKeys(SecretSource passphrase, @Nullable Path container, Argon2Cost cost) {
        this.passphrase = passphrase;
        this.container = container;
        this.cost = cost;
    }

    /** Opens with a passphrase; see {@link io.memguard.keys.SecretSources} for where it can come from. */
    public static SoftwareKeys passphrase(SecretSource source) {
        return new SoftwareKeys(source, null, Argon2Cost.DEFAULT);
    }

    /** With the container in a file outside of the store's directory, for instance on a removable medium. */
    public SoftwareKeys container(Path file) {
        return new SoftwareKeys(passphrase, file.toAbsolutePath(), cost);
    }

    /**
     * With another cost of guessing for new stores; an existing store keeps its own.
     *
     * @param operations passes over the memory, 1 to 64; 3 unless said otherwise
     * @param memoryBytes 8 MiB to 4 GiB; 64 MiB unless said otherwise
     */
    public SoftwareKeys cost(long operations, long memoryBytes) {
        return new SoftwareKeys(passphrase, container, new Argon2Cost(operations, memoryBytes));
    }

    @Override
    public String type() {
        return TYPE;
    }

    @Override
    public NewKey create(StoreContext store) {
        // A store that has a key keeps its container until no file is under that key any more.
        String suffix = store.existing() ? "-" + HexFormat.of().formatHex(Sodium.random(4)) : "";
        Path file = containerOf(store, suffix);
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            if (container != null || Files.exists(aside(file), LinkOption.NOFOLLOW_LINKS)) {
                throw exists(file);
            }
            // In a folder without data and metadata: left by somebody who was killed while he made or removed a store.
            putAside(file);
        }
        byte[] salt = Sodium.random(MasterKey.SALT_SIZE);
        try (var key = SecretBuffer.random(WrappedKey.KEY_SIZE);
                var master = master(salt, cost, store);
                var kek = master.kek();
                var password = master.containerPassword()) {
            DurableFile.create(file, Container.write(WrappedKey.wrap(kek, store, key), password));
            var parameters = new HashMap<>(Map.of(
                    Argon2Cost.OPERATIONS,
                    Long.toString(cost.operations()),
                    Argon2Cost.MEMORY,
                    Long.toString(cost.memoryBytes()),
                    SALT,
                    HexFormat.of().formatHex(salt),
                    CHECK,
                    HexFormat.of().formatHex(master.check())));
            if (!suffix.isEmpty()) {
                parameters.put(SUFFIX, suffix);
            }
            var record = new KeyRecord(TYPE, KeyMode.ENVELOPE, parameters);
            return new NewKey(StoreKey.aes256Gcm(key), record);
        } catch (FileAlreadyExistsException e) {
            throw exists(file);
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    "the keystore container " + file + " could not be written: " + e.getMessage(),
                    e);
        }
    }

    @Override
    public StoreKey open(StoreContext store, KeyRecord record) {
        Path file = containerOf(store, suffix(record));
        Argon2Cost recorded = Argon2Cost.of(record);
        byte[] salt = parameter(record, SALT, MasterKey.SALT_SIZE);
        byte[] check = parameter(record, CHECK, 16);
        byte[] bytes = read(file);
        try (var master = master(salt, recorded, store)) {
            requirePassphrase(check, master.check());
            try (var kek = master.kek();
                    var password = master.containerPassword()) {
                return WrappedKey.unwrap(kek, store, Container.read(bytes, password, file))
                        .orElseThrow(() -> Container.replaced(file, null));
            }
        }
    }

    @Override
    public StoreKey openEmergency(StoreContext store, KeyRecord record) {
        Path file = containerOf(store, suffix(record));
        Argon2Cost recorded = Argon2Cost.of(record);
        byte[] salt = parameter(record, SALT, MasterKey.SALT_SIZE);
        byte[] check = parameter(record, CHECK, 16);
        byte[] bytes = read(file);
        try (var secret = secret();
                var master = EmergencyMasterKey.derive(secret, salt, recorded, store)) {
            requirePassphrase(check, master.check());
            char[] password = master.containerPassword();
            try {
                return WrappedKey.unwrapOnHeap(master.kek(), store, Container.readOnHeap(bytes, password, file))
                        .orElseThrow(() -> Container.replaced(file, null));
            } finally {
                Arrays.fill(password, '\0');
            }
        }
    }

    @Override
    public void erase(StoreContext store, KeyRecord record) {
        Path file = containerOf(store, suffix(record));
        try {
            DurableFile.delete(file);
            if (container == null) {
                DurableFile.delete(aside(file));
            }
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.CLEANUP_FAILED, "the keystore container " + file + " could not be deleted; delete it", e);
        }
    }

    /** Containers in the store's own folder only. */
    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyRecord> recorded) {
        if (container != null) {
            return;
        }
        var kept = recorded.stream()
                .filter(record -> record.provider().equals(TYPE))
                .map(record -> DEFAULT_CONTAINER + suffix(record))
                .toList();
        try (Stream<Path> files = Files.list(store.files())) {
            for (Path file : (Iterable<Path>) files::iterator) {
                String name = String.valueOf(file.getFileName());
                if (name.matches(Pattern.quote(DEFAULT_CONTAINER) + SUFFIX_PATTERN) && !kept.contains(name)) {
                    DurableFile.delete(file);
                }
            }
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    "a keystore container that a killed change of the key has left can't be deleted: " + e.getMessage(),
                    e);
        }
    }

    private static void putAside(Path file) {
        try {
            Files.move(file, aside(file), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    "an old keystore container could not be put aside: " + e.getMessage() + "; move " + file + " away",
                    e);
        }
    }

    private static Path aside(Path file) {
        return file.resolveSibling(DEFAULT_CONTAINER + ".old");
    }

    /** Wipes the passphrase where its source has kept it. */
    @Override
    public void close() {
        KeptSource.forget(passphrase);
    }

    private Path containerOf(StoreContext store, String suffix) {
        Path file = container != null ? container : store.files().resolve(DEFAULT_CONTAINER);
        return file.resolveSibling(file.getFileName() + suffix);
    }

    private static String suffix(KeyRecord record) {
        String suffix = record.parameters().getOrDefault(SUFFIX, "");
        if (!suffix.isEmpty() && !suffix.matches(SUFFIX_PATTERN)) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the store's metadata has no valid " + SUFFIX + "; restore store.meta from a backup of this store");
        }
        return suffix;
    }

    private MasterKey master(byte[] salt, Argon2Cost costs, StoreContext store) {
        try (var secret = secret()) {
            return MasterKey.derive(secret, salt, costs, store);
        }
    }

    private SecretBuffer secret() {
        var secret = passphrase.read();
        if (secret.size() == 0) {
            secret.close();
            throw new MemGuardException(ErrorCode.INVALID_ARGUMENTS, "the passphrase is empty; choose a longer one");
        }
        return secret;
    }

    private static void requirePassphrase(byte[] recorded, byte[] derived) {
        if (!MessageDigest.isEqual(recorded, derived)) {
            throw new MemGuardException(ErrorCode.KEY_INVALID, "the passphrase is wrong; nothing was changed");
        }
    }

    private static byte[] read(Path file) {
        try {
            return UserFile.read(file, CONTAINER_LIMIT);
        } catch (java.nio.file.NoSuchFileException e) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID,
                    "the keystore container " + file
                            + " is missing; restore it from a backup, or say where it is (no new key is made over data)",
                    e);
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.KEY_INVALID, "the keystore container " + file + " can't be read: " + e.getMessage(), e);
        }
    }

    private static byte[] parameter(KeyRecord record, String name, int size) {
        try {
            byte[] value = HexFormat.of().parseHex(record.parameters().getOrDefault(name, ""));
            if (value.length == size) {
                return value;
            }
        } catch (IllegalArgumentException e) {
            // The same as a wrong length.
        }
        throw new MemGuardException(
                ErrorCode.KEY_INVALID,
                "the store's metadata has no valid " + name + "; restore store.meta from a backup of this store");
    }

    private static MemGuardException exists(Path file) {
        return new MemGuardException(
                ErrorCode.KEY_INVALID,
                "there is a keystore container already: " + file
                        + "; it may hold the key of another store, so move it away or choose another place");
    }
}
