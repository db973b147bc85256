package io.memguard.cli;

import static io.memguard.cli.NewStore.NOTHING;
import static io.memguard.cli.NewStore.assertError;
import static org.junit.jupiter.api.Assertions.*;

import io.memguard.os.Posix;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code doctor} as a script runs it, on this machine and on real stores. */
class DoctorCliTest {
    private static final String NOBODY = "65534";

    @TempDir
    Path temporary;

    private NewStore store;

    @BeforeEach
    void init() throws Exception {
        store = NewStore.in(temporary);
        for (int i = 0; i < 3; i++) {
            store.done(("value " + i).getBytes(StandardCharsets.UTF_8), "store", "name " + i);
        }
    }

    private Path folder() {
        return temporary.resolve("store/memguard_secure");
    }

    private Path file(String suffix) throws IOException {
        try (Stream<Path> files = Files.list(folder())) {
            return files.filter(file -> file.toString().endsWith(suffix))
                    .sorted()
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static void assertLine(String start, String part, String text) {
        assertTrue(text.lines().anyMatch(line -> line.startsWith(start) && line.contains(part)), text);
    }

    @Test
    void aWholeStoreIsOk() throws Exception {
        var result = store.run("doctor", "--verify");
        assertEquals(0, result.status(), result.text() + result.error());
        assertEquals("", result.error());
        assertLine("ok       native library: loaded", "SHA-256 as the build recorded", result.text());
        assertLine("ok       c library: glibc 2.", "", result.text());
        assertLine("ok       store: ", "format 1", result.text());
        assertLine("ok       store permissions: ", "owner", result.text());
        assertLine("ok       key: ", "sealed and opened", result.text());
        assertLine("ok       store files: ", "all 6 verified", result.text());
        assertLine("", "0 problems", result.text());
    }

    @Test
    void damageIsAProblemThatNamesTheFilesAndNoSecret() throws Exception {
        Path value = file(".dat");
        byte[] bytes = Files.readAllBytes(value);
        bytes[20] ^= 1;
        Files.write(value, bytes);
        assertEquals(0, store.run("doctor").status(), "only --verify opens files");
        var damaged = store.run("doctor", "--verify");
        assertEquals(1, damaged.status(), damaged.text());
        assertLine("problem  store files: ", value.getFileName().toString(), damaged.text());
        assertLine("problem  store files: ", "1 of 6 files", damaged.text());
        assertFalse(damaged.text().contains("name 0"), damaged.text());

        Files.delete(file(".name"));
        Files.setPosixFilePermissions(file(".name"), PosixFilePermissions.fromString("rw-r--r--"));
        var more = store.run("doctor", "--verify");
        assertLine("problem  store files: ", "without a name: 1 of 5", more.text());
        assertLine("advice   store files: ", "1 of 5", more.text());
        assertLine("         fix: chmod 600", "", more.text());
    }

    @Test
    void progressOfVerifyIsShownOnATerminal() throws Exception {
        var result = store.onTerminal("doctor", "--verify");
        assertTrue(result.text().contains("100 %  6 of 6 files"), result.text());
    }

    @Test
    void everyFindingIsAnObjectOfOneJsonArray() throws Exception {
        var result = store.run("doctor", "--json");
        assertEquals(0, result.status(), result.error());
        var python = new Cli(Map.of())
                .runCommand(
                        List.of(
                                "python3",
                                "-c",
                                "import json,sys; f=json.load(sys.stdin);"
                                        + "print(sorted({k for x in f for k in x}), {x['level'] for x in f} <="
                                        + " {'ok','advice'}, [x['level'] for x in f if x['subject']=='key'])"),
                        result.out());
        assertEquals("['level', 'observation', 'remedy', 'subject'] True ['ok']\n", python.text(), python.error());
    }

    @Test
    void anUnsafeFolderAWrongKeyAndAChangedFormatAreProblems() throws Exception {
        Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwxr-xr-x"));
        var open = store.run("doctor");
        assertEquals(1, open.status());
        assertLine("problem  store permissions: ", "is open to others [SECURITY_ERROR]", open.text());
        assertLine("         fix: chmod 700 ", folder().toString(), open.text());
        Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwx------"));

        Path wrong = Files.writeString(temporary.resolve("wrong"), "wrong");
        Files.setPosixFilePermissions(wrong, PosixFilePermissions.fromString("rw-------"));
        var key = store.run("doctor", "--passphrase-file", wrong.toString());
        assertEquals(1, key.status());
        assertLine("problem  key: ", "passphrase is wrong", key.text());

        Path metadata = folder().resolve("store.meta");
        Files.writeString(metadata, Files.readString(metadata).replaceFirst("store: 1", "store: 9"));
        var format = store.run("doctor");
        assertEquals(1, format.status());
        assertLine("problem  store: ", "format that this version does not know", format.text());
    }

    @Test
    void whatWasNotLookedAtIsNoProblem() throws Exception {
        var none = new Cli(Map.of()).run(NOTHING, "doctor");
        assertEquals(0, none.status(), none.text());
        assertFalse(none.text().contains("store"), none.text());
        assertError(19, "MEMGUARD_DIR", new Cli(Map.of()).run(NOTHING, "doctor", "--verify"));
        var absent = store.run("doctor", "--dir", temporary.resolve("absent").toString());
        assertEquals(0, absent.status(), absent.text());
        assertLine("         fix: memguard init --dir ", "absent", absent.text());
        var command = new ArrayList<>(List.of("setsid", "-w"));
        command.addAll(Cli.command());
        command.addAll(List.of("doctor", "--dir", temporary.resolve("store").toString()));
        var unasked = new Cli(Map.of()).runCommand(command, NOTHING);
        assertEquals(0, unasked.status(), unasked.text());
        assertLine("advice   key: ", "no terminal", unasked.text());
    }

    @Test
    void aTokensKeyIsTried() throws Exception {
        var hsm = new SoftHsm(temporary.resolve("hsm"));
        var token = hsm.token("app");
        var cli = new Cli(Map.of("SOFTHSM2_CONF", hsm.environment().get("SOFTHSM2_CONF")));
        String[] options = {"--dir", temporary.resolve("second").toString(), "--keys", token.uriWithPin("key")};
        assertEquals(
                0,
                cli.run(NOTHING, "init", options[0], options[1], options[2], options[3])
                        .status());
        var result = cli.run(NOTHING, "doctor", options[0], options[1], options[2], options[3]);
        assertEquals(0, result.status(), result.text());
        assertLine("ok       store: ", "key with pkcs11 (direct)", result.text());
        assertLine("ok       key: ", "sealed and opened", result.text());
    }

    @Test
    void tooLittleLockedMemoryIsSaidWithTheWayOut() throws Exception {
        var none = new Cli(Map.of()).runCommand(limited("0", Cli.command()), NOTHING);
        assertEquals(1, none.status(), none.text() + none.error());
        assertLine("problem  protected memory: ", "RLIMIT_MEMLOCK", none.text());
        assertLine("problem  locked memory limit: ", "0 KiB: no value can be used", none.text());
        assertLine("         fix: ulimit -l 8192", "LimitMEMLOCK=8M", none.text());
        var little = new Cli(Map.of()).runCommand(limited("65536", Cli.command()), NOTHING);
        assertEquals(0, little.status(), little.text());
        assertLine(
                "advice   locked memory limit: ", "64 KiB: a value of 4096 bytes can be used, not more", little.text());
        var chosen = limited("0", Cli.command());
        chosen.add("--best-effort-memory");
        var bestEffort = new Cli(Map.of()).runCommand(chosen, NOTHING);
        assertEquals(0, bestEffort.status(), bestEffort.text());
        assertLine("advice   protected memory: ", "BEST_EFFORT", bestEffort.text());
    }

    /** Without the capability that puts root above the limit. */
    private static List<String> limited(String bytes, List<String> memguard) {
        var command = new ArrayList<String>();
        if (Posix.effectiveUser() == 0) {
            command.addAll(List.of("setpriv", "--bounding-set", "-ipc_lock"));
        }
        command.addAll(List.of("prlimit", "--memlock=" + bytes + ":" + bytes));
        command.addAll(memguard);
        command.add("doctor");
        return command;
    }

    @Test
    void whatTheJvmAllowsIsSeen() throws Exception {
        var closed = new ArrayList<>(List.of(
                "prlimit",
                "--core=0",
                "env",
                "JAVA_TOOL_OPTIONS=-XX:+DisableAttachMechanism -Dmemguard.memfd_secret=false"));
        closed.addAll(Cli.command());
        closed.add("doctor");
        var result = new Cli(Map.of()).runCommand(closed, NOTHING);
        assertEquals(0, result.status(), result.text());
        assertLine("ok       attach mechanism: ", "disabled", result.text());
        assertLine("advice   protected memory: ", "root can read it", result.text());
        var open = new ArrayList<>(Cli.command());
        open.removeIf(option -> option.startsWith("--enable-native-access"));
        open.add("doctor");
        var warned = new Cli(Map.of()).runCommand(open, NOTHING);
        assertLine("advice   native access: ", "", warned.text());
        assertLine("advice   attach mechanism: ", "", warned.text());
    }

    @Test
    void withoutTheNativeLibraryTheReasonIsAProblem() throws Exception {
        var absent = new ArrayList<>(List.of("env", "JAVA_TOOL_OPTIONS=-Dmemguard.native.directory=" + temporary));
        absent.addAll(Cli.command());
        absent.addAll(List.of("doctor", "--dir", temporary.resolve("store").toString()));
        var result = new Cli(Map.of()).runCommand(absent, NOTHING);
        assertEquals(1, result.status(), result.text());
        assertLine("problem  native library: ", "libsodium.so.26", result.text());
        assertLine("problem  key: ", "not tried", result.text());
    }

    /** A user who may not read this build gets a copy of it. */
    @Test
    void anotherUserIsToldThatTheStoreIsNotHis() throws Exception {
        if (Posix.effectiveUser() != 0) {
            System.out.println("NOT TESTED without root: another user (run scripts/test as root)");
            return;
        }
        Path open = Files.createTempDirectory("memguard-doctor");
        try {
            var command = new ArrayList<>(List.of("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"));
            for (String part : Cli.command()) {
                command.add(part.equals(SharedClasses.modulePath()) ? copied(part, open) : part);
            }
            command.addAll(List.of("doctor", "--dir", temporary.resolve("store").toString()));
            Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(temporary.resolve("store"), PosixFilePermissions.fromString("rwxr-xr-x"));
            var result = new Cli(Map.of()).runCommand(command, NOTHING);
            assertEquals(1, result.status(), result.text() + result.error());
            assertLine("problem  store: ", "no permission", result.text());
            assertLine("ok       native library: ", "", result.text());
        } finally {
            new Cli(Map.of()).runCommand(List.of("rm", "-rf", open.toString()), NOTHING);
        }
    }

    private static String copied(String path, Path to) throws Exception {
        var copies = new ArrayList<String>();
        for (String entry : path.split(":")) {
            Path copy = to.resolve(copies.size() + "-" + Path.of(entry).getFileName());
            var result = new Cli(Map.of()).runCommand(List.of("cp", "-rL", entry, copy.toString()), NOTHING);
            assertEquals(0, result.status(), result.error());
            copies.add(copy.toString());
        }
        var result = new Cli(Map.of()).runCommand(List.of("chmod", "-R", "a+rX", to.toString()), NOTHING);
        assertEquals(0, result.status(), result.error());
        return String.join(":", copies);
    }
}
