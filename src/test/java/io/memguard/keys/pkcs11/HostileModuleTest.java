package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.tokens.Tools;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Modules that are half-implemented, or lie: an error that says so, never a crash, and nothing is made. */
class HostileModuleTest {
    @TempDir
    Path directory;

    private Path module(String kind) {
        Path module = directory.resolve(kind + ".so");
        Path source = Path.of("src", "test", "native", "hostile_module.c").toAbsolutePath();
        Tools.run(
                Map.of(), "cc", "-shared", "-fPIC", "-w", "-DCASE=" + kind, "-o", module.toString(), source.toString());
        return module;
    }

    private MemGuardException open(Path module) {
        var keys = Pkcs11Keys.uri("pkcs11:?module-path=" + module, () -> Secrets.text("1234"));
        var failure = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory.resolve("store")).keys(keys).open());
        assertTrue(MemGuard.describe(directory.resolve("store")).isEmpty(), "nothing was made");
        return failure;
    }

    @ParameterizedTest
    @CsvSource({
        "NO_LIST, KEY_INVALID, C_GetFunctionList",
        "NULL_LIST, INVALID_ARGUMENTS, no function list",
        "VERSION_9, INVALID_ARGUMENTS, version 9",
        "HOLES, KEY_INVALID, C_GetSlotList",
        "CANT_LOCK, KEY_INVALID, can't be used by threads",
        "ENDLESS_SLOTS, KEY_INVALID, C_GetSlotList",
        "GROWING_SLOTS, INVALID_ARGUMENTS, tokens fit the URI",
        "GARBAGE_TOKEN, KEY_INVALID, C_FindObjectsInit",
        "FAILING_TOKEN, KEY_INVALID, C_GetTokenInfo",
        "NO_SESSIONS, KEY_INVALID, no sessions or memory left"
    })
    void aModuleThatLiesIsAnError(String kind, ErrorCode code, String part) {
        var failure = open(module(kind));
        assertEquals(code, failure.code(), failure.getMessage());
        assertTrue(failure.getMessage().contains(part), failure.getMessage());
        assertTrue(
                failure.getMessage().chars().noneMatch(c -> c < ' '), "no control characters: " + failure.getMessage());
    }

    /** By the standard they are padded with blanks. */
    @Test
    void aLabelPaddedWithNulsCanBeNamed() {
        Path module = module("NUL_PADDED");
        var uri = Pkcs11Uri.parse("pkcs11:token=hostile;manufacturer=;model=?module-path=" + module);
        var tokens = TokenDescription.of(module, uri);
        assertEquals(1, tokens.size());
        assertEquals("hostile", tokens.getFirst().label());
        assertTrue(tokens.getFirst().uri().startsWith("pkcs11:token=hostile;serial=0000000000000001?"));
        assertEquals(
                1,
                TokenDescription.of(module, Pkcs11Uri.parse(tokens.getFirst().uri()))
                        .size());
    }

    @Test
    void whatATokenSaysAboutItselfDoesNotReachATerminal() {
        var tokens = TokenDescription.of(module("GARBAGE_TOKEN"));
        assertEquals(1, tokens.size());
        assertTrue(
                tokens.getFirst().label().startsWith("?[2J?root?"),
                tokens.getFirst().label());
        assertTrue((tokens.getFirst().uri()
                        + tokens.getFirst().model()
                        + tokens.getFirst().summary())
                .chars()
                .noneMatch(c -> c < ' '));
    }

    @Test
    void aModuleThatOthersCanChangeIsRefused() throws Exception {
        Path module = module("HOLES");
        Files.setPosixFilePermissions(module, PosixFilePermissions.fromString("rwxr-xrwx"));
        var failure = open(module);
        assertEquals(ErrorCode.SECURITY_ERROR, failure.code());
        assertTrue(failure.getMessage().contains("chmod o-w"), failure.getMessage());
    }

    @Test
    void aModuleThatIsCutOffDoesNotKillTheJvm() throws Exception {
        Path whole = module("HOLES");
        byte[] bytes = Files.readAllBytes(whole);
        for (int length : new int[] {0, 10, 64, bytes.length / 2, bytes.length - 1}) {
            Path cut = Files.write(directory.resolve("cut" + length + ".so"), java.util.Arrays.copyOf(bytes, length));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, open(cut).code(), length + " bytes");
        }
    }
}
