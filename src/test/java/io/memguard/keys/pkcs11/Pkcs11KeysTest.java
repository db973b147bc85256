package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.OpenMode;
import io.memguard.Secrets;
import io.memguard.keys.KeyMode;
import io.memguard.keys.SecretSources;
import io.memguard.tokens.SoftHsm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stores whose key is in a SoftHSM token, through the public API. */
class Pkcs11KeysTest {
    @TempDir
    Path directory;

    private SoftHsm.Token token;

    @BeforeEach
    void token() {
        token = SoftHsm.token();
    }

    private Pkcs11Keys keys() {
        return Pkcs11Keys.uri(token.uriWithPin("key"));
    }

    private MemGuard open(UnaryOperator<Pkcs11Keys> how) {
        return MemGuard.at(directory).keys(how.apply(keys())).open();
    }

    private MemGuard open() {
        return open(keys -> keys);
    }

    private static void store(MemGuard guard, String name, long size, long seed) {
        try (var value = Secrets.random(size, seed)) {
            guard.store(name, value);
        }
    }

    private static boolean isRight(MemGuard guard, String name, long seed) {
        return guard.<Boolean, RuntimeException>read(name, segment -> Secrets.matches(segment, seed));
    }

    private static ErrorCode codeOf(org.junit.jupiter.api.function.Executable executable) {
        return assertThrows(MemGuardException.class, executable).code();
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void valuesOfAllSizesSurviveARestart(KeyMode mode) {
        int[] sizes = {0, 1, 15, 16, 17, 32, 4096, 100_000, 5 << 20};
        try (var guard = open(keys -> keys.mode(mode))) {
            for (int size : sizes) {
                store(guard, "s" + size, size, size);
            }
        }
        try (var guard = open()) {
            assertEquals(mode, MemGuard.describe(directory).orElseThrow().mode());
            for (int size : sizes) {
                assertTrue(isRight(guard, "s" + size, size), size + " bytes");
            }
            assertTrue(guard.delete("s0"));
            assertEquals(sizes.length - 1, guard.list().size());
        }
    }

    @Test
    void theTokenItselfEncryptsWhereItCan() {
        open().close();
        var made = MemGuard.describe(directory).orElseThrow();
        assertEquals(KeyMode.DIRECT, made.mode());
        assertEquals("pkcs11", made.provider());
        String objects = token.tool("--list-objects");
        assertTrue(objects.contains("AES length 32"), objects);
        assertTrue(objects.contains("sensitive, always sensitive, never extractable, local"), objects);
        assertTrue(objects.contains("Usage:      encrypt, decrypt\n"), objects);
    }

    @Test
    void anEnvelopeKeyInTheTokenOnlySigns() {
        open(keys -> keys.mode(KeyMode.ENVELOPE)).close();
        String objects = token.tool("--list-objects");
        assertTrue(objects.contains("never extractable"), objects);
        assertFalse(objects.contains("encrypt"), objects);
    }

    @Test
    void theModeNeverChangesSilently() {
        open().close();
        assertEquals(ErrorCode.KEY_INVALID, codeOf(() -> open(keys -> keys.mode(KeyMode.ENVELOPE))));
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void aKeyMadeByOpenScIsUsedAndNeverDeleted(KeyMode mode) {
        String type = mode == KeyMode.DIRECT ? "AES:32" : "generic:32";
        String use = mode == KeyMode.DIRECT ? "--usage-decrypt" : "--usage-sign";
        token.tool("--keygen", "--key-type", type, "--sensitive", use, "--label", "key", "--id", "0102");
        try (var guard = open()) {
            assertEquals(mode, MemGuard.describe(directory).orElseThrow().mode());
            store(guard, "a", 100, 1);
        }
        try (var guard = open()) {
            assertTrue(isRight(guard, "a", 1));
            guard.cleanupAll();
        }
        assertTrue(token.tool("--list-objects").contains("label:      key"));
    }

    @Test
    void aKeyThatCanBeReadOutIsRefusedUnlessAllowedByName() {
        token.tool("--keygen", "--key-type", "AES:32", "--extractable", "--label", "key", "--id", "01");
        var failure = assertThrows(MemGuardException.class, this::open);
        assertEquals(ErrorCode.SECURITY_ERROR, failure.code());
        assertTrue(failure.getMessage().contains("can be read out"), failure.getMessage());
        assertEquals(ErrorCode.SECURITY_ERROR, codeOf(() -> open(keys -> keys.allowExportable("another"))));
        assertTrue(MemGuard.describe(directory).isEmpty(), "nothing was made");
        open(keys -> keys.allowExportable("key")).close();
        assertEquals(ErrorCode.SECURITY_ERROR, codeOf(this::open), "not for an existing store either");
        open(keys -> keys.allowExportable("key")).close();
    }

    @Test
    void aKeyThatIsTooShortIsRefused() {
        token.tool("--keygen", "--key-type", "AES:16", "--sensitive", "--label", "key", "--id", "01");
        var failure = assertThrows(MemGuardException.class, this::open);
        assertEquals(ErrorCode.SECURITY_ERROR, failure.code());
        assertTrue(failure.getMessage().contains("16 bytes"), failure.getMessage());
    }

    @Test
    void aWrongPinIsTriedOnceAndNeverAgain() {
        open().close();
        var wrong = SecretSources.file(token.pinFile("999999"));
        var keys = Pkcs11Keys.uri(token.uri("key"), wrong);
        var first = assertThrows(
                MemGuardException.class, () -> MemGuard.at(directory).keys(keys).open());
        assertEquals(ErrorCode.KEY_INVALID, first.code());
        assertTrue(first.getMessage().contains("PIN is wrong"), first.getMessage());
        var second = assertThrows(
                MemGuardException.class, () -> MemGuard.at(directory).keys(keys).open());
        assertEquals(ErrorCode.KEY_INVALID, second.code());
        assertTrue(second.getMessage().contains("not tried again"), second.getMessage());
        open().close(); // The right one works, and what was refused is forgotten.
        var third = assertThrows(
                MemGuardException.class, () -> MemGuard.at(directory).keys(keys).open());
        assertTrue(third.getMessage().contains("PIN is wrong"), third.getMessage());
    }

    @Test
    void anEmptyOrMissingPinSaysWhatToDo() {
        assertEquals(
                ErrorCode.INVALID_ARGUMENTS,
                codeOf(() -> MemGuard.at(directory)
                        .keys(Pkcs11Keys.uri(token.uri("key"), () -> Secrets.text("")))
                        .open()));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, codeOf(() -> Pkcs11Keys.uri(token.uri("key"))));
        assertEquals(
                ErrorCode.KEY_INVALID,
                codeOf(() -> MemGuard.at(directory)
                        .keys(Pkcs11Keys.uri(token.uri("key") + "&pin-source=file:" + directory.resolve("none")))
                        .open()));
    }

    @Test
    void aDeletedKeyIsKeyInvalidAndNothingIsMade() {
        try (var guard = open()) {
            store(guard, "a", 100, 1);
        }
        token.tool("--delete-object", "--type", "secrkey", "--label", "key");
        assertEquals(ErrorCode.KEY_INVALID, codeOf(this::open));
        assertFalse(token.tool("--list-objects").contains("key"), "no key was made in its place");
    }

    @Test
    void aKeyOfTheSameNameInItsPlaceIsKeyInvalid() {
        try (var guard = open()) {
            store(guard, "a", 100, 1);
        }
        String id = token.tool("--list-objects").replaceAll("(?s).*ID: +([0-9a-f]+).*", "$1");
        token.tool("--delete-object", "--type", "secrkey", "--label", "key");
        token.tool("--keygen", "--key-type", "AES:32", "--sensitive", "--label", "key", "--id", id);
        var failure = assertThrows(MemGuardException.class, this::open);
        assertEquals(ErrorCode.KEY_INVALID, failure.code());
        assertTrue(failure.getMessage().contains("not the one of this store"), failure.getMessage());
    }

    @Test
    void aSecondStoreDoesNotShareTheKeyThatTheFirstDestroysOneDay() {
        open().close();
        var other = directory.resolve("other");
        var failure = assertThrows(
                MemGuardException.class, () -> MemGuard.at(other).keys(keys()).open());
        assertEquals(ErrorCode.KEY_INVALID, failure.code());
        assertTrue(failure.getMessage().contains("made for another store"), failure.getMessage());
        String id = token.tool("--list-objects", "--type", "secrkey").replaceAll("(?s).*ID: +([0-9a-f]+).*", "$1");
        String uri = token.uriWithPin("key;id=" + id.replaceAll("..", "%$0"));
        var named = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(other).keys(Pkcs11Keys.uri(uri)).open());
        assertTrue(named.getMessage().contains("made for another store"), named.getMessage());
        open().close();
    }

    @Test
    void cleanupAllDeletesTheKeyThatWasMadeForTheStore() {
        try (var guard = open()) {
            store(guard, "a", 100, 1);
            guard.cleanupAll();
        }
        assertFalse(token.tool("--list-objects").contains("label:      key"));
    }

    @Test
    void twoStoresAndTwoModesLiveOnOneToken() {
        Path one = directory.resolve("one");
        Path two = directory.resolve("two");
        var first = Pkcs11Keys.uri(token.uriWithPin("first"));
        var second = Pkcs11Keys.uri(token.uriWithPin("second")).mode(KeyMode.ENVELOPE);
        try (var a = MemGuard.at(one).keys(first).open()) {
            try (var b = MemGuard.at(two).keys(second).open()) {
                store(a, "x", 10, 1);
                store(b, "x", 10, 2);
                a.cleanupMemory();
                b.cleanupMemory();
                assertTrue(isRight(a, "x", 1));
                assertTrue(isRight(b, "x", 2));
            } // It was the second connection of this process to the token.
            store(a, "y", 10, 3);
            a.cleanupMemory();
            assertTrue(isRight(a, "y", 3));
        }
    }

    @Test
    void aTamperedFileIsToldFromABrokenDevice() throws Exception {
        try (var guard = open()) {
            store(guard, "a", 100, 1);
            store(guard, "b", 100, 2);
            guard.cleanupMemory();
            Path file;
            try (var files = Files.list(directory.resolve("memguard_secure"))) {
                file = files.filter(path -> path.toString().endsWith(".dat"))
                        .sorted()
                        .findFirst()
                        .orElseThrow();
            }
            byte[] content = Files.readAllBytes(file);
            content[40] ^= 1;
            Files.write(file, content);
            long wrong = java.util.stream.Stream.of("a", "b")
                    .filter(name -> {
                        try {
                            return !isRight(guard, name, name.equals("a") ? 1 : 2);
                        } catch (MemGuardException e) {
                            assertEquals(ErrorCode.RETRIEVE_FAILED, e.code(), e.getMessage());
                            return true;
                        }
                    })
                    .count();
            assertEquals(1, wrong);
        }
    }

    @Test
    void hotReadsNeverTouchTheToken() {
        try (var guard = open()) {
            store(guard, "a", 100, 1);
            token.remove();
            for (int i = 0; i < 1000; i++) {
                assertTrue(isRight(guard, "a", 1));
            }
        }
    }

    @Test
    void anOpeningModeThatDoesNotFitMakesNoKey() {
        assertEquals(
                ErrorCode.INVALID_ARGUMENTS,
                codeOf(() -> MemGuard.at(directory)
                        .keys(keys())
                        .mode(OpenMode.EXISTING)
                        .open()));
        assertFalse(token.tool("--list-objects").contains("label:      key"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"token=no-such-token", "serial=0000"})
    void aTokenThatIsNotThereIsKeyInvalid(String where) {
        String uri = "pkcs11:" + where + "?module-path=" + SoftHsm.module() + "&pin-source=file:" + token.pinFile();
        var failure = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory).keys(Pkcs11Keys.uri(uri)).open());
        assertEquals(ErrorCode.KEY_INVALID, failure.code());
        assertTrue(failure.getMessage().contains("token list"), failure.getMessage());
    }

    @Test
    void aUriThatFitsSeveralTokensAsksForMore() {
        String uri = "pkcs11:?module-path=" + SoftHsm.module() + "&pin-source=file:" + token.pinFile();
        assertEquals(
                ErrorCode.INVALID_ARGUMENTS,
                codeOf(() -> MemGuard.at(directory).keys(Pkcs11Keys.uri(uri)).open()));
    }
}
