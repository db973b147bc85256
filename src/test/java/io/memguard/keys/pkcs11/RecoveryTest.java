package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.keys.KeyMode;
import io.memguard.os.Posix;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.P11KitServer;
import io.memguard.tokens.SoftHsm;
import io.memguard.tokens.SoftTpm;
import io.memguard.tokens.Tools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a service does whose token goes, comes back, or is changed under it. Each in a JVM of its own. */
class RecoveryTest {
    @TempDir
    Path directory;

    private final List<ChildJvm> services = new ArrayList<>();

    @AfterEach
    void stop() {
        services.forEach(ChildJvm::close);
    }

    private ChildJvm service(Map<String, String> environment) throws IOException {
        var before = new ArrayList<>(List.of("env"));
        environment.forEach((name, value) -> before.add(name + "=" + value));
        var service = ChildJvm.start(
                TokenService.class, before, List.of(directory.resolve("store").toString()));
        services.add(service);
        return service;
    }

    private static String ask(ChildJvm service, String line) throws IOException {
        service.send(line);
        var said = new StringBuilder();
        for (String answer = service.readLine(); answer != null; answer = service.readLine()) {
            if (answer.startsWith("> ")) {
                return answer.substring(2);
            }
            said.append(answer).append('\n');
        }
        throw new AssertionError("the service has died:\n" + said);
    }

    private static void assertAnswers(String expected, ChildJvm service, String line) throws IOException {
        assertEquals(expected, ask(service, line), line);
    }

    private static void assertFails(String code, ChildJvm service, String line) throws IOException {
        String answer = ask(service, line);
        assertTrue(answer.startsWith(code + " "), line + ": " + answer);
    }

    @Test
    void aTokenThatWasAwayWorksAgainWithinTheCall() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        var service = service(hsm.environment());
        assertAnswers("ok", service, "open " + token.uriWithPin("key"));
        assertAnswers("ok", service, "store a 100 1");
        for (int round = 0; round < 3; round++) {
            assertAnswers("right", service, "cold a 1");
            hsm.unplug();
            assertAnswers("right", service, "hot a 1");
            assertFails("KEY_INVALID", service, "cold a 1");
            assertFails("KEY_INVALID", service, "store b 100 2");
            hsm.plugIn();
            assertAnswers("right", service, "cold a 1");
            assertAnswers("ok", service, "store b 100 2");
            assertAnswers("right", service, "cold b 2");
        }
    }

    @Test
    void aTokenServerThatWasRestartedWorksAgainWithinTheCall() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        try (var server = new P11KitServer(directory, hsm, token)) {
            var service = service(server.environment());
            String open = "open pkcs11:token=app;object=key?module-path=" + P11KitServer.module() + "&pin-source=file:"
                    + token.pinFile();
            assertAnswers("ok", service, open);
            assertAnswers("ok", service, "store a 100 1");
            server.kill();
            assertAnswers("right", service, "cold a 1"); // Its AES-GCM is not for remote tokens: the mode is envelope.
            assertAnswers("ok", service, "close");
            assertFails("KEY_INVALID", service, open);
            server.restart();
            assertAnswers("ok", service, open);
            assertAnswers("right", service, "cold a 1");
            server.kill();
            server.restart();
            assertAnswers("ok", service, "close");
            assertAnswers("ok", service, open);
            assertAnswers("right", service, "cold a 1");
        }
    }

    @Test
    void aLogoutByOtherCodeOfTheProcessIsRecovered() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        var service = service(hsm.environment());
        assertAnswers("ok", service, "open " + token.uriWithPin("key"));
        assertAnswers("ok", service, "store a 100 1");
        assertAnswers(
                "ok",
                service,
                "sun-logout --name=other\\nlibrary=" + SoftHsm.module() + "\\nslotListIndex=0 " + SoftHsm.PIN);
        assertAnswers("right", service, "cold a 1");
        assertAnswers("ok", service, "store a 100 2");
        assertAnswers("right", service, "cold a 2");
    }

    @Test
    void aTokenThatIsInitializedAgainIsKeyInvalid() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        var service = service(hsm.environment());
        assertAnswers("ok", service, "open " + token.uriWithPin("key"));
        assertAnswers("ok", service, "store a 100 1");
        token.initializeAgain();
        assertFails("KEY_INVALID", service, "cold a 1");
        assertFails("KEY_INVALID", service, "store b 100 1");
        assertAnswers("ok", service, "close");
        assertFails("KEY_INVALID", service, "open " + token.uriWithPin("key"));
    }

    @Test
    void aKeyThatIsDeletedMeanwhileIsKeyInvalid() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        var service = service(hsm.environment());
        assertAnswers("ok", service, "open " + token.uriWithPin("key"));
        assertAnswers("ok", service, "store a 100 1");
        token.tool("--delete-object", "--type", "secrkey", "--label", "key");
        assertFails("KEY_INVALID", service, "cold a 1");
        assertFails("KEY_INVALID", service, "store b 100 1");
    }

    @Test
    void twoJvmsShareATokenAndAStore() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        var one = service(hsm.environment());
        assertAnswers("ok", one, "open " + token.uriWithPin("key"));
        var two = service(hsm.environment());
        assertAnswers("ok", two, "open " + token.uriWithPin("key"));
        for (int i = 0; i < 20; i++) {
            var writer = i % 2 == 0 ? one : two;
            var reader = i % 2 == 0 ? two : one;
            assertAnswers("ok", writer, "store a 100 " + i);
            assertAnswers("right", reader, "hot a " + i);
        }
    }

    @Test
    void sixtyFourThreadsAndTenThousandVirtualOnesGetTheirTurn() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        var service = service(hsm.environment());
        assertAnswers("ok", service, "open " + token.uriWithPin("key"));
        assertAnswers("ok", service, "threads platform 64 20");
        assertAnswers("ok", service, "threads virtual 10000 1");
    }

    @Test
    void aTpmServesTheEnvelopeModeAndSurvivesItsReset() throws Exception {
        try (var tpm = new SoftTpm(directory)) {
            tpm.addKey("hmac:sha256", "kek");
            var service = service(tpm.environment());
            String uri = tpm.uri("kek") + "&pin-source=file:" + tpm.pinFile();
            assertAnswers("ok", service, "open " + uri);
            assertAnswers("ok", service, "store a 100 1");
            assertAnswers("right", service, "cold a 1");
            tpm.restart();
            assertAnswers("right", service, "cold a 1"); // The store key was unwrapped at the opening.
            assertAnswers("ok", service, "close");
            assertAnswers("ok", service, "open " + uri);
            assertAnswers("right", service, "cold a 1");
        }
    }

    @Test
    void aTpmIsNotLockedByARestartLoopWithAWrongPin() throws Exception {
        try (var tpm = new SoftTpm(directory)) {
            tpm.addKey("hmac:sha256", "kek");
            Path wrong = java.nio.file.Files.writeString(tpm.pinFile().resolveSibling("wrong"), "wrong pin");
            java.nio.file.Files.setPosixFilePermissions(
                    wrong, java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"));
            for (int start = 0; start < 6; start++) {
                var service = service(tpm.environment());
                assertFails("KEY_INVALID", service, "open " + tpm.uri("kek") + "&pin-source=file:" + wrong);
                assertFails("KEY_INVALID", service, "open " + tpm.uri("kek") + "&pin-source=file:" + wrong);
                service.close();
            }
            assertAnswers(
                    "ok", service(tpm.environment()), "open " + tpm.uri("kek") + "&pin-source=file:" + tpm.pinFile());
        }
    }

    @Test
    void aTpmThatIsLockedSaysHowToUnlockIt() throws Exception {
        try (var tpm = new SoftTpm(directory)) {
            tpm.addKey("hmac:sha256", "kek");
            var service = service(tpm.environment());
            for (int i = 0; i < 3; i++) {
                Path wrong = java.nio.file.Files.writeString(tpm.pinFile().resolveSibling("wrong" + i), "wrong" + i);
                java.nio.file.Files.setPosixFilePermissions(
                        wrong, java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"));
                assertFails("KEY_INVALID", service, "open " + tpm.uri("kek") + "&pin-source=file:" + wrong);
            }
            String locked = ask(service, "open " + tpm.uri("kek") + "&pin-source=file:" + tpm.pinFile());
            assertTrue(locked.startsWith("KEY_INVALID") && locked.contains("tpm2_dictionarylockout"), locked);
            tpm.clearLockout();
            assertAnswers("ok", service, "open " + tpm.uri("kek") + "&pin-source=file:" + tpm.pinFile());
        }
    }

    @Test
    void aTpmWithoutAKeySaysHowToMakeOne() throws Exception {
        try (var tpm = new SoftTpm(directory)) {
            String answer =
                    ask(service(tpm.environment()), "open " + tpm.uri("kek") + "&pin-source=file:" + tpm.pinFile());
            assertTrue(answer.startsWith("SECURITY_ERROR") && answer.contains("tpm2_ptool addkey"), answer);
        }
    }

    /** Before anything is made or changed: tpm2-pkcs11 says OK to a change of a data object, and forgets it. */
    @Test
    void aTpmIsRefusedForRecordsAndItsKeyIsGuardedByAnotherToken() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var environment = new HashMap<>(hsm.environment());
        try (var tpm = new SoftTpm(directory)) {
            tpm.addKey("hmac:sha256", "kek");
            environment.putAll(tpm.environment());
            String inTpm = tpm.uri("kek") + "&pin-source=file:" + tpm.pinFile();
            String inHsm = hsm.token("records").uriWithPin("records");
            var service = service(environment);
            String refused = ask(service, "open software " + inTpm);
            assertTrue(refused.startsWith("INVALID_ARGUMENTS a TPM can't keep records"), refused);
            assertTrue(MemGuard.describe(directory.resolve("store")).isEmpty(), "nothing was made");
            assertAnswers("ok", service, "open " + inTpm);
            assertAnswers("ok", service, "store a 100 1");
            assertAnswers("ok", service, "close");
            byte[] before = Files.readAllBytes(directory.resolve("store/memguard_secure/store.meta"));
            assertFails("INVALID_ARGUMENTS", service, "accept " + inTpm + " " + inTpm);
            assertArrayEquals(before, Files.readAllBytes(directory.resolve("store/memguard_secure/store.meta")));
            assertAnswers("ok", service, "accept " + inTpm + " " + inHsm);
            assertAnswers("ok", service, "open " + inTpm + " " + inHsm);
            assertAnswers("right", service, "cold a 1");
            Path file = valueFile();
            byte[] old = Files.readAllBytes(file);
            assertAnswers("ok", service, "store a 100 2");
            assertAnswers("right", service, "cold a 2");
            Files.write(file, old);
            assertFails("SECURITY_ERROR", service, "cold a 1");
            assertAnswers("ok", service, "store a 100 3");
            assertAnswers("right", service, "cold a 3");
        }
    }

    /** Why it is refused. Where this fails, tpm2-pkcs11 has learned it: then records in a TPM may be looked at again. */
    @Test
    void aTpmLosesAChangeOfADataObjectAndShowsNoneOfOtherProcesses() throws Exception {
        try (var tpm = new SoftTpm(directory)) {
            String data = "data " + tpm.uri("none") + "&pin-source=file:" + tpm.pinFile() + " ";
            var one = service(tpm.environment());
            var two = service(tpm.environment());
            assertAnswers("", two, data + "values");
            assertAnswers("ok", one, data + "make first");
            assertAnswers("second", one, data + "change second");
            assertAnswers("second", one, data + "values");
            assertAnswers("", two, data + "values");
            assertAnswers("first", service(tpm.environment()), data + "values");
        }
    }

    private Path valueFile() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("store/memguard_secure"))) {
            return files.filter(file -> file.toString().endsWith(".dat"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** SoftHSM then says that it has made an object, and has not. */
    @Test
    void aTokenWhoseDiskIsFullLosesNothing() throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        Path tokens = directory.resolve("hsm/tokens");
        if (Posix.effectiveUser() != 0 || !isMounted(tokens)) {
            System.out.println("NOT TESTED without root and mount(8): records in SoftHSM on a full disk");
            return;
        }
        try {
            String open = "software " + hsm.token("records").uriWithPin("records");
            var service = service(hsm.environment());
            assertAnswers("ok", service, "open software");
            assertAnswers("ok", service, "store a 100 1");
            assertAnswers("ok", service, "close");
            Path filler = tokens.resolve("filler");
            fill(filler);
            assertNoRoom("STORE_FAILED", service, "accept " + open);
            assertAnswers("ok", service, "open software");
            assertAnswers("right", service, "cold a 1");
            assertAnswers("ok", service, "close");
            Files.delete(filler);
            assertAnswers("ok", service, "accept " + open);
            assertAnswers("ok", service, "open " + open);
            assertAnswers("ok", service, "store b 100 2");
            fill(filler);
            assertNoRoom("STORE_FAILED", service, "store a 100 3");
            assertNoRoom("STORE_FAILED", service, "store c 100 3");
            assertNoRoom("DELETE_FAILED", service, "delete b");
            assertNoRoom("STORE_FAILED", service, "rotate");
            var other = service(hsm.environment());
            assertAnswers("ok", other, "open " + open);
            for (var reader : List.of(service, other)) {
                assertAnswers("right", reader, "cold a 1");
                assertAnswers("right", reader, "cold b 2");
            }
            Files.delete(filler);
            for (String done : List.of("store a 100 3", "store c 100 3", "delete b", "rotate")) {
                assertAnswers("ok", service, done);
            }
            for (var reader : List.of(service, other)) {
                assertAnswers("right", reader, "cold a 3");
                assertAnswers("right", reader, "cold c 3");
            }
        } finally {
            services.forEach(ChildJvm::close);
            Tools.run(Map.of(), "umount", "--lazy", tokens.toString());
        }
    }

    private static boolean isMounted(Path tokens) {
        try {
            Tools.run(Map.of(), "mount", "-t", "tmpfs", "-o", "mode=700,size=256k", "tmpfs", tokens.toString());
            return true;
        } catch (AssertionError e) {
            return false;
        }
    }

    private static void fill(Path filler) {
        assertThrows(IOException.class, () -> {
            try (var out = Files.newOutputStream(filler)) {
                while (true) {
                    out.write(new byte[1024]);
                }
            }
        });
    }

    private static void assertNoRoom(String code, ChildJvm service, String line) throws IOException {
        String answer = ask(service, line);
        assertTrue(
                answer.startsWith(code + " ") && answer.contains("the token has no room for more"),
                line + ": " + answer);
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void theEmergencyRouteReadsAndWritesTheSameFiles(KeyMode mode) throws Exception {
        var hsm = new SoftHsm(directory.resolve("hsm"));
        var token = hsm.token("app");
        String uri = token.uriWithPin("key") + "&x-mode=" + mode.name().toLowerCase(Locale.ROOT);
        var healthy = service(hsm.environment());
        assertAnswers("ok", healthy, "open " + uri);
        assertAnswers("ok", healthy, "store a 100 1");
        var environment = new HashMap<>(hsm.environment());
        environment.put("JAVA_TOOL_OPTIONS", "-Dmemguard.native.directory=" + directory.resolve("nothing"));
        var degraded = service(environment);
        assertAnswers("ok", degraded, "open-degraded " + uri);
        assertAnswers("right", degraded, "direct a 1");
        assertAnswers("ok", degraded, "store b 5000 2");
        assertAnswers("right", healthy, "cold b 2");
    }
}
