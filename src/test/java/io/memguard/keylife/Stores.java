package io.memguard.keylife;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Progress;
import io.memguard.Secrets;
import io.memguard.keys.CreatedKey;
import io.memguard.keys.KeyDescriptor;
import io.memguard.keys.KeyMode;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.StoreContext;
import io.memguard.keys.StoreKey;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** What the tests of a key's life do with stores: with fresh openings, so that nothing comes from a cache. */
final class Stores {
    static final Progress SILENT = (done, total) -> {};

    private Stores() {}

    /** Ends a change from inside, where a kill would. */
    static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    static SoftwareKeys software(String passphrase) {
        return SoftwareKeys.passphrase(() -> Secrets.text(passphrase)).cost(1, 8L << 20);
    }

    static Pkcs11Keys token(SoftHsm.Token token, String attributes, KeyMode mode) {
        String uri = "pkcs11:token=" + token.label() + ";" + attributes + "?module-path=" + SoftHsm.module()
                + "&pin-source=file:" + token.pinFile();
        return Pkcs11Keys.uri(uri).mode(mode);
    }

    static MemGuard open(Path directory, KeyProvider keys) {
        return MemGuard.at(directory).keys(keys).mode(OpenMode.OPEN_OR_CREATE).open();
    }

    static void fill(MemGuard guard, int count) {
        for (int i = 0; i < count; i++) {
            put(guard, "name " + i, i);
        }
    }

    static void put(MemGuard guard, String name, long seed) {
        try (var value = Secrets.random(40, seed)) {
            guard.store(name, value);
        }
    }

    static boolean holds(MemGuard guard, String name, long seed) {
        return guard.<Boolean, RuntimeException>read(name, value -> Secrets.matches(value, seed));
    }

    /** A new opening with this provider alone opens everything. */
    static void assertOpens(Path directory, Supplier<KeyProvider> keys, int count) {
        try (var guard =
                MemGuard.at(directory).keys(keys.get()).mode(OpenMode.EXISTING).open()) {
            for (int i = 0; i < count; i++) {
                assertTrue(holds(guard, "name " + i, i), "name " + i);
            }
            assertTrue(guard.list().size() >= count);
        }
    }

    static MemGuardException assertRefused(Path directory, Supplier<KeyProvider> keys) {
        return assertFails(
                ErrorCode.KEY_INVALID,
                () -> MemGuard.at(directory)
                        .keys(keys.get())
                        .mode(OpenMode.EXISTING)
                        .open()
                        .close());
    }

    static MemGuardException assertFails(ErrorCode code, Runnable call) {
        var failure = assertThrows(MemGuardException.class, call::run);
        assertEquals(code, failure.code(), failure.getMessage());
        assertFalse(failure.getMessage().contains("null"), failure.getMessage());
        return failure;
    }

    static String metadata(Path directory) throws IOException {
        return Files.readString(directory.resolve("memguard_secure/store.meta"), StandardCharsets.US_ASCII);
    }

    static void copy(Path from, Path to) throws Exception {
        Files.createDirectories(to);
        assertEquals(
                0,
                new ProcessBuilder("cp", "-a", from.resolve("memguard_secure").toString(), to.toString())
                        .start()
                        .waitFor());
    }

    static List<String> containers(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.startsWith("keystore") || name.startsWith("ks"))
                    .sorted()
                    .toList();
        }
    }

    /** Keys in a token. */
    static long keys(SoftHsm.Token token) {
        return token.tool("--list-objects", "--type", "secrkey")
                .lines()
                .filter(line -> line.contains("label:"))
                .count();
    }

    /** A provider like another one that fails where a test says. */
    static class Changed implements KeyProvider {
        final KeyProvider keys;

        Changed(KeyProvider keys) {
            this.keys = keys;
        }

        @Override
        public String type() {
            return keys.type();
        }

        @Override
        public boolean opens(String type) {
            return keys.opens(type);
        }

        @Override
        public CreatedKey create(StoreContext store) {
            return keys.create(store);
        }

        @Override
        public StoreKey open(StoreContext store, KeyDescriptor record) {
            return keys.open(store, record);
        }

        @Override
        public boolean has(StoreContext store, KeyDescriptor record) {
            return keys.has(store, record);
        }

        @Override
        public boolean isGone(StoreContext store, KeyDescriptor record) {
            return keys.isGone(store, record);
        }

        @Override
        public String place(StoreContext store) {
            return keys.place(store);
        }

        @Override
        public void erase(StoreContext store, KeyDescriptor record) {
            keys.erase(store, record);
        }

        @Override
        public void eraseUnrecorded(StoreContext store, List<KeyDescriptor> recorded) {
            keys.eraseUnrecorded(store, recorded);
        }

        @Override
        public void close() {
            keys.close();
        }
    }

    /** One that can't destroy keys at the moment. */
    static KeyProvider withoutErase(KeyProvider keys) {
        return new Changed(keys) {
            @Override
            public void erase(StoreContext store, KeyDescriptor record) {
                throw new MemGuardException(ErrorCode.CLEANUP_FAILED, "the token is busy; try again");
            }
        };
    }
}
