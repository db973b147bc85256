package io.memguard.keys.software;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.memory.AeadKey;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.StoreOpener;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;

/** Computes, on the heap of a test, every key that follows from a passphrase: what a scan has to look for. */
public final class DerivedKeys {
    private DerivedKeys() {}

    /** By name: the wrapping key and the store key. */
    public static Map<String, byte[]> of(Path directory, String passphrase, Arena arena) throws Exception {
        var keys = StoreOpener.describe(new DirectoryStorageProvider(directory))
                .orElseThrow()
                .keys();
        var store = new StoreContext(
                MemGuard.describe(directory).orElseThrow().storeId(), directory.resolve("memguard_secure"));
        Path container = store.directory().resolve("keystore.bcfks");
        byte[] salt = HexFormat.of().parseHex(keys.parameters().get("argon2id-salt"));
        try (var secret = SecretBuffer.consume(passphrase.getBytes(StandardCharsets.UTF_8));
                var master = MasterKey.derive(secret, salt, Argon2Cost.of(keys), store);
                var kek = master.kek();
                var password = master.containerPassword();
                var wrapping = kek.<AeadKey, RuntimeException>read(AeadKey::of)) {
            byte[] wrapped = Container.read(Files.readAllBytes(container), password, container);
            var storeKey = arena.allocate(32);
            var label = ("memguard/1 store key " + store.storeId()).getBytes(StandardCharsets.US_ASCII);
            boolean authentic = wrapping.open(
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, label),
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, wrapped),
                    storeKey);
            if (!authentic || wrapped.length != 32 + StoreKey.OVERHEAD) {
                throw new AssertionError("the container does not open");
            }
            return Map.of(
                    "KEK", kek.<byte[], RuntimeException>read(key -> key.toArray(ValueLayout.JAVA_BYTE)),
                    "store key", storeKey.toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
