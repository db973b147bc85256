package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.KeyMode;
import io.memguard.keys.SecretSources;
import io.memguard.keys.StoreKey;
import io.memguard.tokens.SoftHsm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.util.Collections;
import java.util.List;
import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** SunPKCS11 and the data path by FFM on one token, in one process. */
class InteropTest {
    private static final byte[] AAD = "aad".getBytes(java.nio.charset.StandardCharsets.US_ASCII);

    @TempDir
    Path directory;

    private SoftHsm.Token token;

    @BeforeEach
    void token() {
        token = SoftHsm.token();
    }

    private Token connect() {
        return Token.connect(Pkcs11Uri.parse(token.uri("key")), SecretSources.file(token.pinFile()));
    }

    private static void assertOpens(StoreKey writer, StoreKey reader) {
        try (var arena = Arena.ofConfined()) {
            for (long size : new long[] {1, 31, 32, 4096, 100_000}) {
                var aad = arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_BYTE, AAD);
                var plain = arena.allocate(size);
                Secrets.fill(plain, size);
                var sealed = arena.allocate(size + StoreKey.OVERHEAD);
                writer.seal(aad, plain, sealed);
                var opened = arena.allocate(reader.room(sealed.byteSize()));
                assertTrue(reader.open(aad, sealed, opened), size + " bytes");
                assertEquals(-1, plain.mismatch(opened.asSlice(0, size)));
                sealed.set(java.lang.foreign.ValueLayout.JAVA_BYTE, size / 2, (byte)
                        ~sealed.get(java.lang.foreign.ValueLayout.JAVA_BYTE, size / 2));
                var nothing = arena.allocate(opened.byteSize());
                assertFalse(reader.open(aad, sealed, nothing), "tampered");
                assertEquals(-1, nothing.mismatch(arena.allocate(opened.byteSize())), "nothing of it is left");
            }
        }
    }

    @Test
    void eachRouteOpensWhatTheOtherSealed() {
        try (var connection = connect()) {
            TokenKey.generate(connection, KeyMode.DIRECT, "key", "0a0b");
            var ffm = new DirectKey(new TokenKey(connection, "key", "0a0b"));
            var sun = StoreKey.jca(SunPkcs11Bridge.key(connection, "key"), SunPkcs11Bridge.provider(connection));
            assertOpens(ffm, ffm);
            assertOpens(ffm, sun);
            assertOpens(sun, ffm);
        }
    }

    @Test
    void sunPkcs11ListsAndDeletesTheKeyOfAStore() throws Exception {
        var keys = Pkcs11Keys.uri(token.uriWithPin("key"));
        MemGuard.at(directory).keys(keys).open().close();
        KeyStore view = keys.keyStore();
        assertEquals(List.of("key"), Collections.list(view.aliases()));
        var key = (SecretKey) view.getKey("key", null);
        assertNull(key.getEncoded(), "it never leaves the token");
        view.deleteEntry("key");
        var failure = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory)
                        .keys(Pkcs11Keys.uri(token.uriWithPin("key")))
                        .open());
        assertEquals(ErrorCode.KEY_INVALID, failure.code());
    }

    @Test
    void aKeyThatSunPkcs11GeneratedServesAStore() throws Exception {
        try (var connection = connect()) {
            Provider sun = Security.getProvider("SunPKCS11")
                    .configure("--name=generator\nlibrary=" + SoftHsm.module() + "\nslot=" + connection.slot()
                            + "\nattributes(generate,CKO_SECRET_KEY,CKK_AES)={ CKA_TOKEN=true CKA_SENSITIVE=true"
                            + " CKA_EXTRACTABLE=false CKA_PRIVATE=true CKA_ENCRYPT=true CKA_DECRYPT=true"
                            + " CKA_WRAP=false CKA_UNWRAP=false CKA_LABEL=0h6b6579 CKA_ID=0h01 }\n");
            KeyGenerator generator = KeyGenerator.getInstance("AES", sun);
            generator.init(256);
            generator.generateKey();
            var keys = Pkcs11Keys.uri(token.uriWithPin("key"));
            try (var guard = MemGuard.at(directory).keys(keys).open();
                    var value = Secrets.random(100, 1)) {
                guard.store("a", value);
                guard.cleanupMemory();
                assertTrue(guard.<Boolean, RuntimeException>read("a", segment -> Secrets.matches(segment, 1)));
            }
        }
        assertEquals(KeyMode.DIRECT, MemGuard.describe(directory).orElseThrow().mode());
    }

    @Test
    void aConfigurationFileOfSunPkcs11NamesTheToken() throws Exception {
        long slot;
        try (var connection = connect()) {
            slot = connection.slot();
        }
        Path file = directory.resolve("sun.cfg");
        Files.writeString(
                file, "# a comment\nname = App\nlibrary = \"" + SoftHsm.module() + "\"\nslot = " + slot + "\n");
        var pin = SecretSources.file(token.pinFile());
        MemGuard.at(directory)
                .keys(Pkcs11Keys.configuration(file, "key", pin))
                .open()
                .close();
        MemGuard.at(directory)
                .keys(Pkcs11Keys.uri(token.uriWithPin("key")))
                .open()
                .close();
    }

    @Test
    void aBadConfigurationFileSaysWhy() throws Exception {
        var pin = SecretSources.file(token.pinFile());
        for (String content : List.of(
                "",
                "name=x\n",
                "library=relative.so\n",
                "library=/nonexistent.so\nslot=1\n",
                "library=" + SoftHsm.module() + "\nslot=twelve\n")) {
            Path file = Files.writeString(directory.resolve("bad.cfg"), content);
            var failure = assertThrows(
                    MemGuardException.class,
                    () -> MemGuard.at(directory.resolve("s"))
                            .keys(Pkcs11Keys.configuration(file, "key", pin))
                            .open());
            assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code(), content + failure.getMessage());
        }
    }

    @Test
    void aClosedKeySaysSo() {
        var keys = Pkcs11Keys.uri(token.uriWithPin("key"));
        var store = new io.memguard.keys.StoreContext("00112233445566778899aabbccddeeff", directory);
        var made = keys.create(store);
        made.key().close();
        made.key().close();
        try (var arena = Arena.ofConfined()) {
            var sealed = arena.allocate(StoreKey.OVERHEAD + 1);
            assertThrows(
                    IllegalStateException.class, () -> made.key().seal(MemorySegment.NULL, arena.allocate(1), sealed));
        }
    }
}
