package io.memguard.rollback;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSources;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.pkcs11.Pkcs11Records;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.tokens.SoftHsm;
import io.memguard.tokens.Tools;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store with records goes over to another key: the records stay right, and what was before is found out. */
class RekeyWithRecordsTest {
    private static final String SHA256_OF_A = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    @TempDir
    Path temporary = Path.of("");

    private SoftHsm.Token records;

    @BeforeEach
    void takeAToken() {
        records = SoftHsm.token();
    }

    private static KeyProvider passphrase(String text) {
        return SoftwareKeys.passphrase(() -> Secrets.text(text)).cost(1, 8 << 20);
    }

    private static KeyProvider in(SoftHsm.Token token, String key) {
        return Pkcs11Keys.uri(token.uri(key), SecretSources.file(token.pinFile()));
    }

    private MemGuard open(KeyProvider keys) {
        return MemGuard.at(temporary.resolve("store"))
                .keys(keys)
                .mode(OpenMode.OPEN_OR_CREATE)
                .detectRollback(Pkcs11Records.uri(records.uri("records"), SecretSources.file(records.pinFile())))
                .open();
    }

    private static void store(MemGuard guard, String name, String value) {
        try (var secret = Secrets.text(value)) {
            guard.store(name, secret);
        }
    }

    private static Optional<String> cold(MemGuard guard, String name) {
        guard.cleanupMemory();
        return guard.secret(name).map(secret -> secret.<String, RuntimeException>read(Secrets::text));
    }

    private static void assertFails(ErrorCode code, Supplier<?> call) {
        var failure = assertThrows(MemGuardException.class, call::get);
        assertEquals(code, failure.code(), failure.getMessage());
    }

    private void assertSwitches(Supplier<KeyProvider> from, Supplier<KeyProvider> to) throws Exception {
        Path store = temporary.resolve("store");
        Path before = temporary.resolve("before");
        try (var guard = open(from.get())) {
            store(guard, "a", "first");
            store(guard, "b", "kept");
            Tools.run(Map.of(), "cp", "-a", store.toString(), before.toString());
            guard.rekey(to.get(), (done, all) -> {});
            assertEquals(Optional.of("first"), cold(guard, "a"));
            store(guard, "a", "second");
        }
        assertFails(ErrorCode.KEY_INVALID, () -> open(from.get()));
        try (var guard = open(to.get())) {
            assertEquals(Optional.of("second"), cold(guard, "a"));
            assertEquals(Optional.of("kept"), cold(guard, "b"));
            Path file = store.resolve("memguard_secure/mg_" + SHA256_OF_A + ".dat");
            byte[] second = Files.readAllBytes(file);
            store(guard, "a", "third");
            Files.write(file, second);
            assertFails(ErrorCode.SECURITY_ERROR, () -> cold(guard, "a"));
        }
        Files.move(store, temporary.resolve("replaced"));
        Files.move(before, store);
        assertFails(ErrorCode.SECURITY_ERROR, () -> open(from.get()));
    }

    @Test
    void aNewPassphraseKeepsTheRecords() throws Exception {
        assertSwitches(() -> passphrase("one"), () -> passphrase("another"));
    }

    @Test
    void aMoveToTheTokenOfTheRecordsKeepsThem() throws Exception {
        assertSwitches(() -> passphrase("one"), () -> in(records, "key"));
    }

    @Test
    void aMoveFromTheTokenOfTheRecordsToAnotherOneKeepsThem() throws Exception {
        var other = SoftHsm.token();
        assertSwitches(() -> in(records, "key"), () -> in(other, "key"));
    }

    @Test
    void aMoveFromAnotherTokenToSoftwareKeepsThem() throws Exception {
        var other = SoftHsm.token();
        assertSwitches(() -> in(other, "key"), () -> passphrase("one"));
    }
}
