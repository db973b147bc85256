package io.memguard.keys.pkcs11;

import io.memguard.MemGuard;
import io.memguard.keys.SecretSources;
import io.memguard.keys.StoreContext;
import io.memguard.memory.AeadKey;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.StoreOpener;
import io.memguard.tokens.SoftHsm;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/** Computes, on the heap of a test, what a token makes for a store in envelope mode: what a scan has to look for. */
public final class DerivedTokenKeys {
    private DerivedTokenKeys() {}

    /** By name: the wrapping key and the store key. */
    @SuppressWarnings("exports")
    public static Map<String, byte[]> of(Path directory, SoftHsm.Token token) {
        var record = new TokenKeyDescriptor(StoreOpener.describe(new DirectoryStorageProvider(directory))
                .orElseThrow()
                .keys());
        var store = new StoreContext(MemGuard.describe(directory).orElseThrow().storeId(), directory);
        var uri = Pkcs11Uri.parse(token.uri(record.label()));
        try (var connection = Token.connect(uri, SecretSources.file(token.pinFile()));
                var kek = Envelope.kek(new TokenKey(connection, record.label(), record.id()), store, record.salt());
                var wrapping = kek.<AeadKey, RuntimeException>read(AeadKey::of);
                var arena = Arena.ofConfined()) {
            var key = arena.allocate(32);
            var label = ("memguard/1 store key " + store.storeId()).getBytes(StandardCharsets.US_ASCII);
            boolean authentic = wrapping.open(
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, label),
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, record.wrapped()),
                    key);
            if (!authentic) {
                throw new AssertionError("the store key does not open");
            }
            return Map.of(
                    "KEK", kek.<byte[], RuntimeException>read(bytes -> bytes.toArray(ValueLayout.JAVA_BYTE)),
                    "store key", key.toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
