package io.memguard.keys;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.Secrets;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeyProvidersTest {
    @TempDir
    Path directory;

    private static SoftwareKeys software() {
        return SoftwareKeys.passphrase(() -> Secrets.text("passphrase")).cost(1, 8L << 20);
    }

    private static Pkcs11Keys missing() {
        SoftHsm.ofThisJvm(); // Without its configuration the module does not start, whatever the token.
        return Pkcs11Keys.uri("pkcs11:token=not-here?module-path=" + SoftHsm.module(), () -> Secrets.text("1234"));
    }

    private String provider() {
        return MemGuard.describe(directory).orElseThrow().provider();
    }

    private static ErrorCode codeOf(org.junit.jupiter.api.function.Executable executable) {
        return assertThrows(MemGuardException.class, executable).code();
    }

    @Test
    void aNewStoreTakesTheFirstThatWorksAndSaysWhyNotTheOthers() {
        var lines = new ArrayList<String>();
        var logger = Logger.getLogger("io.memguard.keys.FirstAvailableKeyProvider");
        var handler = new Handler() {
            @Override
            public void publish(LogRecord line) {
                lines.add(new SimpleFormatter().formatMessage(line));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        logger.addHandler(handler);
        try {
            MemGuard.at(directory)
                    .keys(KeyProviders.firstOf(missing(), software()))
                    .open()
                    .close();
        } finally {
            logger.removeHandler(handler);
        }
        assertEquals("software", provider());
        assertEquals(2, lines.size(), lines.toString());
        assertTrue(lines.get(0).contains("'pkcs11' can't make the key: no token"), lines.get(0));
        assertTrue(lines.get(1).contains("'software'"), lines.get(1));
    }

    @Test
    void anExistingStoreKeepsItsOwnProvider() {
        MemGuard.at(directory).keys(software()).open().close();
        var token = SoftHsm.token();
        var hsm = Pkcs11Keys.uri(token.uriWithPin("key"));
        MemGuard.at(directory)
                .keys(KeyProviders.firstOf(hsm, software()))
                .open()
                .close();
        assertEquals("software", provider());
        assertEquals(
                ErrorCode.KEY_INVALID,
                codeOf(() -> MemGuard.at(directory).keys(hsm).open()));
        assertFalse(token.tool("--list-objects").contains("label:      key"), "no key was made for it");
    }

    @Test
    void aStoreOfATokenThatIsAwayDoesNotFallBackToSoftware() {
        var token = SoftHsm.token();
        MemGuard.at(directory)
                .keys(KeyProviders.firstOf(Pkcs11Keys.uri(token.uriWithPin("key")), software()))
                .open()
                .close();
        assertEquals("pkcs11", provider());
        assertEquals(
                ErrorCode.KEY_INVALID,
                codeOf(() -> MemGuard.at(directory)
                        .keys(KeyProviders.firstOf(missing(), software()))
                        .open()));
    }

    @Test
    void whereNoneWorksTheFirstSaysWhy() {
        var failure = assertThrows(
                MemGuardException.class,
                () -> MemGuard.at(directory)
                        .keys(KeyProviders.firstOf(missing(), missing()))
                        .open());
        assertEquals(ErrorCode.KEY_INVALID, failure.code());
        assertTrue(failure.getMessage().contains("none of 2 key providers works"), failure.getMessage());
        assertTrue(failure.getMessage().contains("no token"), failure.getMessage());
        assertEquals(ErrorCode.INVALID_ARGUMENTS, codeOf(KeyProviders::firstOf));
    }

    @Test
    void oneOfTwoTokensThatHasTheKeyOpensTheStore() {
        var first = SoftHsm.token();
        var second = SoftHsm.token();
        MemGuard.at(directory)
                .keys(Pkcs11Keys.uri(second.uriWithPin("key")))
                .open()
                .close();
        MemGuard.at(directory)
                .keys(KeyProviders.firstOf(
                        Pkcs11Keys.uri(first.uriWithPin("key")), Pkcs11Keys.uri(second.uriWithPin("key"))))
                .open()
                .close();
    }

    /** What a user's jar brings: a public class without arguments, and its name in META-INF/services. */
    private static final String ACME = """
            package acme;

            import io.memguard.SecretBuffer;
            import io.memguard.keys.*;
            import java.util.Map;

            public final class AcmeKeys implements KeyProvider {
                public String type() { return "acme-kms"; }
                public CreatedKey create(StoreContext store) {
                    return new CreatedKey(key(), new KeyDescriptor(type(), KeyMode.ENVELOPE, Map.of()));
                }
                public StoreKey open(StoreContext store, KeyDescriptor record) { return key(); }
                private static StoreKey key() {
                    try (var key = SecretBuffer.consume("0123456789abcdef0123456789abcdef".toCharArray())) {
                        return StoreKey.aes256Gcm(key);
                    }
                }
                public void erase(StoreContext store, KeyDescriptor record) {}
                public void close() {}
            }
            """;

    private Path jar() throws Exception {
        Path jar = directory.resolve("jar");
        Files.createDirectories(jar.resolve("META-INF/services"));
        Files.writeString(jar.resolve("META-INF/services/" + KeyProvider.class.getName()), "acme.AcmeKeys");
        Path source = Files.writeString(
                Files.createDirectories(directory.resolve("acme")).resolve("AcmeKeys.java"), ACME);
        var javac = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "javac").toString(),
                        "-d",
                        jar.toString(),
                        "-cp",
                        ChildJvm.classPath(),
                        source.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(javac.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, javac.waitFor(), said);
        return jar;
    }

    @Test
    void aUsersProviderIsFoundByItsType() throws Exception {
        var thread = Thread.currentThread();
        var before = thread.getContextClassLoader();
        try (var loader = new URLClassLoader(new URL[] {jar().toUri().toURL()}, KeyProvider.class.getClassLoader())) {
            thread.setContextClassLoader(loader);
            MemGuard.at(directory).keys(KeyProviders.byType("acme-kms")).open().close();
            MemGuard.at(directory).keys(KeyProviders.byType("acme-kms")).open().close();
            assertEquals("acme-kms", provider());
            var failure = assertThrows(MemGuardException.class, () -> KeyProviders.byType("other-kms"));
            assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
            assertTrue(failure.getMessage().contains("registered are acme-kms"), failure.getMessage());
        } finally {
            thread.setContextClassLoader(before);
        }
        assertEquals(ErrorCode.INVALID_ARGUMENTS, codeOf(() -> KeyProviders.byType("acme-kms")));
    }
}
