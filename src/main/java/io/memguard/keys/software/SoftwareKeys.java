package io.memguard.keys.software;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeptSource;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSource;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.WrappedKey;
import io.memguard.memory.Sodium;
import io.memguard.os.DurableFile;
import io.memguard.os.FileSystemNeeds;
import io.memguard.os.UserFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
 * A key provider for machines without an HSM or a TPM: the store key is wrapped in a BCFKS container, and opens with a
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
    private static final String DIGEST = "container-sha256";
    private static final String PLACE = "container-place";
    private static final String IN_FOLDER = "folder";
    private static final String ELSEWHERE = "elsewhere";
    private static final String TEMPORARY = ".tmp_key_"; // See StoreLayout: who may clear it.
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
     * With another cost of guessing for new stores; an existing store keeps its own. One that takes more than 1 GiB, or
     * passes over more than 4 GiB together, opens only where this asks for as much: its metadata is not authenticated before
     * the passphrase is.
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
    public CreatedKey create(StoreContext store) {
        // A store that has a key keeps its container until no file is under that key any more.
        String suffix = store.existing() ? suffixOf(store) : "";
        Path file = containerOf(store, suffix);
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            if (container != null) {
                throw exists(file);
            }
            // In a folder without data and metadata: left by a process that was killed while it made or removed a
            // store, or
            // the key of data that were moved away. It is kept.
            putAside(file);
        }
        byte[] salt = Sodium.random(MasterKey.SALT_SIZE);
        try (var key = SecretBuffer.random(WrappedKey.KEY_SIZE);
                var master = master(salt, cost, store);
                var kek = master.kek();
                var password = master.containerPassword()) {
            byte[] content = Container.write(WrappedKey.wrap(kek, store, key), password);
            DurableFile.create(file, content, TEMPORARY);
            var parameters = new HashMap<>(Map.of(
                    Argon2Cost.OPERATIONS,
                    Long.toString(cost.operations()),
                    Argon2Cost.MEMORY,
                    Long.toString(cost.memoryBytes()),
                    SALT,
                    HexFormat.of().formatHex(salt),
                    CHECK,
                    HexFormat.of().formatHex(master.check()),
                    DIGEST,
                    digest(content),
                    PLACE,
                    container == null ? IN_FOLDER : ELSEWHERE));
            if (!suffix.isEmpty()) {
                parameters.put(SUFFIX, suffix);
            }
            var record = new KeyDescriptor(TYPE, KeyMode.ENVELOPE, parameters);
            return new CreatedKey(StoreKey.aes256Gcm(key), record);
        } catch (FileAlreadyExistsException e) {
            throw exists(file);
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.STORE_FAILED,
                    "the keystore container " + file + " could not be written: " + e.getMessage()
                            + FileSystemNeeds.hint(e),
                    e);
        }
    }

    @Override
    public StoreKey open(StoreContext store, KeyDescriptor record) {
        Path file = containerOf(store, suffix(record));
        Argon2Cost recorded = Argon2Limit.require(Argon2Cost.of(record), cost);
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
    public StoreKey openOnHeap(StoreContext store, KeyDescriptor record) {
        Path file = containerOf(store, suffix(record));
        Argon2Cost recorded = Argon2Limit.require(Argon2Cost.of(record), cost);
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

    /** By the container's digest, where it has one; without the passphrase. */
    @Override
    public boolean has(StoreContext store, KeyDescriptor record) {
        String digest = record.parameters().get(DIGEST);
        Path file = containerOf(store, suffix(record));
        return opens(record.provider()) && Files.exists(file) && (digest == null || digest.equals(digest(read(file))));
    }

    /**
     * {@inheritDoc}
     *
     * <p>A container in the store's folder is this folder's own. One elsewhere is deleted only if its content is the one that
     * was recorded, and never by a copy of the store.
     */
    @Override
    public void erase(StoreContext store, KeyDescriptor record) {
        if (store.inUse().stream().anyMatch(other -> isSame(other, record))) {
            return;
        }
        String place = record.parameters().getOrDefault(PLACE, container == null ? IN_FOLDER : ELSEWHERE);
        if (place.equals(IN_FOLDER)) {
            delete(store.files().resolve(DEFAULT_CONTAINER + suffix(record)));
        } else {
            eraseElsewhere(store, record);
        }
    }

    private void eraseElsewhere(StoreContext store, KeyDescriptor record) {
        if (container == null) {
            throw left("the store's old keystore container is outside of its folder: say where (--keys software:FILE)");
        }
        Path file = containerOf(store, suffix(record));
        String digest = record.parameters().get(DIGEST);
        if (!store.owner() || digest == null) {
            throw left("the old keystore container " + file + " may be needed by a copy of this store"
                    + (digest == null ? " (an earlier version made it)" : "") + "; delete it if it is not");
        }
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            throw left("the old keystore container is not at " + file + "; make it available, or say where it is");
        }
        if (!digest.equals(digest(read(file)))) {
            throw left(file + " is not the old keystore container of this store, but another file; it stays");
        }
        delete(file);
    }

    private static boolean isSame(KeyDescriptor one, KeyDescriptor other) {
        return one.provider().equals(other.provider())
                && one.parameters().get(SALT) != null
                && one.parameters().get(SALT).equals(other.parameters().get(SALT));
    }

    private static MemGuardException left(String what) {
        return new MemGuardException(ErrorCode.CLEANUP_FAILED, what);
    }

    private static void delete(Path file) {
        try {
            DurableFile.delete(file);
        } catch (IOException e) {
            throw new MemGuardException(
                    ErrorCode.CLEANUP_FAILED, "the keystore container " + file + " could not be deleted; delete it", e);
        }
    }

    @Override
    public boolean isGone(StoreContext store, KeyDescriptor record) {
        boolean inFolder = record.parameters().getOrDefault(PLACE, "").equals(IN_FOLDER);
        return opens(record.provider())
                && inFolder
                && Files.notExists(
                        store.files().resolve(DEFAULT_CONTAINER + suffix(record)), LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public String place(StoreContext store) {
        return container == null
                ? IN_FOLDER
                : digest(container.toString().getBytes(StandardCharsets.UTF_8)).substring(0, 32);
    }

    /** In the store's own folder all that nothing names; elsewhere only the one that carries the nonce. */
    @Override
    public void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {
        if (!store.nonce().isEmpty()
                && !store.place().isEmpty()
                && !store.place().equals(place(store))) {
            throw left("a keystore container may have been made in another place than the one that was given");
        }
        if (container != null) {
            if (!store.nonce().isEmpty() && store.owner()) {
                delete(containerOf(store, suffixOf(store)));
            }
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
                    "a keystore container that a killed key change has left can't be deleted: " + e.getMessage(),
                    e);
        }
    }

    /** The container of a key that carries the store's nonce. */
    private static String suffixOf(StoreContext store) {
        return "-"
                + (store.nonce().isEmpty()
                        ? HexFormat.of().formatHex(Sodium.random(4))
                        : store.nonce().substring(0, 8));
    }

    private static String digest(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e); // Every Java platform has it.
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

    /** Another name each time: what was put aside before may be the only key of something. */
    private static Path aside(Path file) {
        Path first = file.resolveSibling(DEFAULT_CONTAINER + ".old");
        return Files.exists(first, LinkOption.NOFOLLOW_LINKS)
                ? file.resolveSibling(
                        DEFAULT_CONTAINER + ".old-" + HexFormat.of().formatHex(Sodium.random(4)))
                : first;
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

    private static String suffix(KeyDescriptor record) {
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
                    ErrorCode.KEY_INVALID,
                    "the keystore container " + file + " can't be read: " + e.getMessage()
                            + "; restore it from a backup, or say where it is",
                    e);
        }
    }

    private static byte[] parameter(KeyDescriptor record, String name, int size) {
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
