package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import io.memguard.tokens.TokenTrace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How many calls of the token a store needs, counted between the library and SoftHSM. */
class TokenCallsTest {
    private static final int VALUES = 20;

    @TempDir
    Path directory;

    private final List<ChildJvm> services = new ArrayList<>();
    private SoftHsm hsm;
    private SoftHsm.Token token;

    @AfterEach
    void stop() {
        services.forEach(ChildJvm::close);
    }

    private ChildJvm service(String mode) throws Exception {
        if (hsm == null) {
            hsm = new SoftHsm(directory.resolve("hsm"));
            token = hsm.token("app");
        }
        var before = new ArrayList<>(List.of("env"));
        TokenTrace.environment(hsm).forEach((name, value) -> before.add(name + "=" + value));
        var service = ChildJvm.start(TokenService.class, before, List.of(store().toString()));
        services.add(service);
        assertAnswers("ok", service, "open " + TokenTrace.through(token.uriWithPin("key")) + mode);
        return service;
    }

    private Path store() {
        return directory.resolve("store");
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

    private static long calls(ChildJvm service, String function) throws IOException {
        return Long.parseLong(ask(service, "calls " + function));
    }

    private void damageValues() throws IOException {
        try (Stream<Path> files = Files.list(store().resolve("memguard_secure"))) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".dat")).toList()) {
                byte[] bytes = Files.readAllBytes(file);
                bytes[bytes.length / 2] ^= 1;
                Files.write(file, bytes);
            }
        }
    }

    @Test
    void filesThatDoNotOpenCostNoLogin() throws Exception {
        var service = service("");
        assertAnswers("ok", service, "fill " + VALUES);
        damageValues();
        for (int i = 0; i < VALUES; i++) {
            String answer = ask(service, "cold " + i + " " + i);
            assertTrue(answer.startsWith("RETRIEVE_FAILED"), answer);
        }
        assertEquals(1, calls(service, "C_Login"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"&x-mode=direct", "&x-mode=envelope"})
    void aRotationLogsInOnceAndTriesEachFileOnce(String mode) throws Exception {
        var service = service(mode);
        assertAnswers("ok", service, "fill " + VALUES);
        long logins = calls(service, "C_Login");
        long decryptions = calls(service, "C_Decrypt");
        long encryptions = calls(service, "C_Encrypt");
        assertAnswers("ok", service, "rotate");
        assertAnswers("right", service, "cold 7 7");
        if (mode.endsWith("direct")) {
            assertEquals(1, calls(service, "C_Login"));
            long more = calls(service, "C_Decrypt") - decryptions + calls(service, "C_Encrypt") - encryptions;
            System.out.println(more + " calls for " + 2 * VALUES + " files");
            assertTrue(more <= 4 * VALUES + 20, more + " calls for " + 2 * VALUES + " files");
        } else {
            System.out.println(calls(service, "C_Login") - logins + " logins of a rotation in envelope mode");
            assertEquals(0, calls(service, "C_Decrypt"));
        }
    }

    /** By the standard a failure ends the operation; some tokens leave it active, so that the session serves nothing more. */
    @Test
    void aSessionWhoseOperationStaysActiveIsReplacedBeforeItIsClosed() throws Exception {
        var service = service("");
        assertAnswers("ok", service, "store a 32 1");
        for (int i = 0; i < 5; i++) {
            assertAnswers("ok", service, "fail C_Decrypt 1 1 0x5"); // SoftHSM does not see the call.
            assertAnswers("right", service, "cold a 1");
        }
        assertEquals(1, calls(service, "C_Login"));
    }

    /** What SoftHSM answers where another process writes: CKR_GENERAL_ERROR, once or until its library is started anew. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "C_Initialize",
                "C_GetSlotList",
                "C_GetTokenInfo",
                "C_OpenSession",
                "C_GetSessionInfo",
                "C_Login",
                "C_FindObjectsInit",
                "C_FindObjects",
                "C_GetAttributeValue",
                "C_EncryptInit",
                "C_Encrypt",
                "C_DecryptInit",
                "C_Decrypt"
            })
    void aFaultThatPassesIsRecoveredWithinTheCall(String function) throws Exception {
        var service = service("");
        assertAnswers("ok", service, "store a 32 1");
        assertAnswers("ok", service, "close");
        assertAnswers("ok", service, "fail " + function + " 1 1 0x5");
        assertAnswers("ok", service, "open " + TokenTrace.through(token.uriWithPin("key")));
        assertAnswers("ok", service, "fail " + function + " 1 1 0x5");
        assertAnswers("right", service, "cold a 1");
        assertAnswers("ok", service, "fail " + function + " 1 1 0x5 behind");
        assertAnswers("right", service, "cold a 1");
        assertAnswers("ok", service, "fail " + function + " 1 1 0x5");
        assertAnswers("ok", service, "store a 32 2");
        assertAnswers("right", service, "cold a 2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"C_GetTokenInfo", "C_Login"})
    void anOpeningOutlastsSeveralFaults(String function) throws Exception {
        var service = service("");
        assertAnswers("ok", service, "store a 32 1");
        assertAnswers("ok", service, "close");
        assertAnswers("ok", service, "fail " + function + " 1 3 0x5");
        assertAnswers("ok", service, "open " + TokenTrace.through(token.uriWithPin("key")));
        assertAnswers("right", service, "cold a 1");
    }

    /** {@code -Dtoken.values=10000} for the figures of docs/HARDWARE.md. */
    @Test
    void manyValuesCostWhatTheTokensCallsCost() throws Exception {
        int values = Integer.getInteger("token.values", 200);
        hsm = new SoftHsm(directory.resolve("hsm"));
        token = hsm.token("app");
        var before = new ArrayList<>(List.of("env"));
        TokenTrace.environment(hsm).forEach((name, value) -> before.add(name + "=" + value));
        String uri = TokenTrace.through(token.uriWithPin("key"));
        try (var child =
                ChildJvm.start(TokenPrice.class, before, List.of(store().toString(), uri, Integer.toString(values)))) {
            String said = child.rest();
            assertEquals(0, child.exitCode(), said);
            System.out.println(values + " values in direct mode\n" + said);
            assertEquals(2L * values, number(said, "store .*, ([0-9]+) C_Encrypt"), said);
            assertEquals(values, number(said, "read .*, ([0-9]+) C_Decrypt"), said);
            assertTrue(number(said, "rotate .*, ([0-9]+) C_Encrypt") <= 2L * values + 10, said);
            assertTrue(number(said, "rotate .*, ([0-9]+) C_Decrypt") <= 2L * values + 10, said);
            assertEquals(1, number(said, "logins ([0-9]+)"), said);
        }
    }

    private static long number(String text, String pattern) {
        var found = Pattern.compile(pattern).matcher(text);
        assertTrue(found.find(), text);
        return Long.parseLong(found.group(1));
    }
}
