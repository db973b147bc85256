package io.memguard.prove;

import io.memguard.SecretBuffer;
import io.memguard.keys.KeyMode;
import io.memguard.keys.SecretSource;
import io.memguard.keys.StoreContext;
import io.memguard.memory.Sodium;
import io.memguard.storage.directory.DirectoryStorageProvider;
import io.memguard.store.StoreInfo;
import io.memguard.store.StoreOpener;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;

/** Computes, in the process that searches, every key that follows from a passphrase or a token; see docs/FORMAT.md. */
final class DerivedKeys {
    private final Canaries canaries;
    private final String prefix;

    private DerivedKeys(Canaries canaries, String prefix) {
        this.canaries = canaries;
        this.prefix = prefix;
    }

    /** @param when in which state of the store, for the report */
    static void add(Settings settings, Path directory, byte[] passphrase, String when, Canaries canaries) {
        StoreInfo info =
                StoreOpener.describe(new DirectoryStorageProvider(directory)).orElseThrow();
        var store = new StoreContext(info.storeId(), directory.resolve("memguard_secure"));
        var derived = new DerivedKeys(canaries, when + ": ");
        SecretSource source = () -> SecretBuffer.consume(passphrase.clone());
        if (settings.isSoftware()) {
            derived.addBranches(info, passphrase);
        }
        if (info.keys().mode() == KeyMode.ENVELOPE) {
            try (var provider = settings.provider(source);
                    var key = provider.open(store, info.keys())) {
                key.<Boolean>read(raw -> {
                    derived.put("store key", Canary.Kind.SECRET, raw);
                    return true;
                });
            }
        }
    }

    private void addBranches(StoreInfo info, byte[] passphrase) {
        var parameters = info.keys().parameters();
        try (var arena = Arena.ofConfined()) {
            var master = arena.allocate(32);
            Sodium.argon2id(
                    master,
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, passphrase),
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, HexFormat.of().parseHex(parameters.get("argon2id-salt"))),
                    Long.parseLong(parameters.get("argon2id-operations")),
                    Long.parseLong(parameters.get("argon2id-memory")));
            put("Argon2id output", Canary.Kind.SECRET, master);
            put("KEK", Canary.Kind.SECRET, branch("kek", info, master, arena));
            byte[] container = branch("container", info, master, arena).toArray(ValueLayout.JAVA_BYTE);
            canaries.put(prefix + "container branch", Canary.Kind.ON_HEAP, container);
            canaries.put(
                    prefix + "container password",
                    Canary.Kind.ON_HEAP,
                    HexFormat.of().formatHex(container).getBytes(StandardCharsets.US_ASCII));
        }
    }

    private static MemorySegment branch(String purpose, StoreInfo info, MemorySegment master, Arena arena) {
        var out = arena.allocate(32);
        Sodium.hkdfSha256(out, master, "memguard/1 " + purpose + " " + info.storeId());
        return out;
    }

    private void put(String name, Canary.Kind kind, MemorySegment key) {
        canaries.put(prefix + name, kind, key.toArray(ValueLayout.JAVA_BYTE));
    }
}
