package io.memguard.guides;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.cli.GuideShell;
import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jasypt.encryption.pbe.StandardPBEStringEncryptor;
import org.jasypt.iv.RandomIvGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every ```java and ```sh block of the guides is run: the Java ones as bodies of classes that extend {@link Given}, the
 * others by bash, where {@code memguard} and {@code scripts/memguard} are the command line. The paths of services lead
 * into a temporary folder, which is also the home and working directory. A block that can't run says here why.
 */
class GuidesTest {
    private static final Map<String, String> NOT_RUN = Map.of(
            "BUILDING.md sh 1", "needs a jextract; jextract/check.sh compares what it made",
            "INTEGRATION.md java 4", "connects to a PostgreSQL server; the adapter's test does so with a real one",
            "docs/HARDWARE.md sh 3", "asks for the PIN at a terminal, and for the vendor's module",
            "docs/HARDWARE.md sh 5", "installs a TPM's packages and asks for its PINs; SoftTpm runs these tools",
            "docs/SECURITY.md sh 1", "dumps a dozen JVMs, for minutes; the tests of prove run it");

    private static final String IMPORTS = """
            import com.godaddy.asherah.securememory.protectedmemoryimpl.ProtectedMemorySecretFactory;
            import com.zaxxer.hikari.*;
            import io.memguard.*;
            import io.memguard.adapters.hikari.*;
            import io.memguard.adapters.http.*;
            import io.memguard.adapters.postgresql.*;
            import io.memguard.adapters.spring.*;
            import io.memguard.doctor.*;
            import io.memguard.jca.*;
            import io.memguard.keys.*;
            import io.memguard.keys.pkcs11.*;
            import io.memguard.keys.software.*;
            import io.memguard.management.*;
            import java.io.*;
            import java.lang.foreign.*;
            import java.net.*;
            import java.net.http.*;
            import java.nio.channels.*;
            import java.nio.file.*;
            import java.security.*;
            import java.time.*;
            import java.util.*;
            import java.util.function.*;
            import javax.crypto.*;
            import javax.crypto.spec.*;
            import org.jasypt.encryption.pbe.*;
            import org.jasypt.iv.*;
            import org.jasypt.properties.*;
            import org.springframework.context.annotation.*;
            """;

    @TempDir
    static Path temporary;

    private static Path classes = Path.of("");

    /** The reader's: a folder of its own for each guide and language. */
    private Path home = Path.of("");

    static Stream<String> guides() throws IOException {
        return Documents.all().stream();
    }

    @Test
    void onlyBlocksThatExistAreLeftOut() throws IOException {
        var names = new TreeSet<String>();
        for (String guide : (Iterable<String>) guides()::iterator) {
            Block.of(guide).forEach(block -> names.add(block.name()));
        }
        assertTrue(names.containsAll(NOT_RUN.keySet()), names.toString());
        assertTrue(names.contains("README.md java 1") && names.contains("README.md sh 1"), names.toString());
    }

    @ParameterizedTest
    @MethodSource("guides")
    void everySnippetRuns(String guide) throws Exception {
        var blocks = Block.of(guide).stream()
                .filter(block -> !NOT_RUN.containsKey(block.name()))
                .toList();
        var java = blocks.stream().filter(b -> b.language().equals("java")).toList();
        var shell = blocks.stream().filter(b -> b.language().equals("sh")).toList();
        if (guide.equals("docs/SYSTEMD.md") && !GuideShell.has("systemd-creds")) {
            System.out.println("NOT TESTED: docs/SYSTEMD.md (apt-get install systemd, 250 or later)");
            shell = List.of();
        }
        if (!java.isEmpty()) {
            home = Files.createDirectories(home(guide, "java"));
            surround(guide);
            runJava(guide, java);
        }
        if (!shell.isEmpty()) {
            home = Files.createDirectories(home(guide, "sh"));
            surround(guide);
            runShell(guide, shell);
        }
    }

    /** What a reader of the guides has already. */
    private void surround(String guide) throws Exception {
        for (String folder : List.of("etc/app", "var/lib", "credentials", "run")) {
            Files.createDirectories(home.resolve(folder));
        }
        secret("etc/app/passphrase", "correct horse battery staple\n");
        secret("credentials/memguard", "correct horse battery staple\n");
        secret("jasypt-password", "jasypt's\n");
        secret("keystore-password", "changeit\n");
        if (guide.equals("docs/HARDWARE.md")) {
            new SoftHsm(home.resolve("hsm")).token("app");
            secret("etc/app/pin", SoftHsm.PIN);
        }
        if (guide.equals("docs/migration/jasypt.md")) {
            var jasypt = new StandardPBEStringEncryptor();
            jasypt.setAlgorithm("PBEWITHHMACSHA512ANDAES_256");
            jasypt.setIvGenerator(new RandomIvGenerator());
            jasypt.setPassword("jasypt's");
            properties("application.properties", jasypt);
            var old = new StandardPBEStringEncryptor();
            old.setPassword("jasypt's");
            properties("old.properties", old);
        }
        if (guide.equals("docs/migration/pkcs12.md")) {
            keytool(
                    "-genseckey",
                    "-keyalg",
                    "HmacSHA256",
                    "-keysize",
                    "256",
                    "-alias",
                    "hmac",
                    "-keystore",
                    "keys.p12");
            keytool("-genseckey", "-keyalg", "AES", "-keysize", "256", "-alias", "a", "-keystore", "old.jceks");
        }
    }

    private void secret(String name, String text) throws IOException {
        Path file = Files.writeString(home.resolve(name), text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    private void properties(String file, StandardPBEStringEncryptor jasypt) throws IOException {
        Files.writeString(home.resolve(file), "server.port=8080\ndb.password=ENC(" + jasypt.encrypt("hunter2") + ")\n");
    }

    private void keytool(String... arguments) throws Exception {
        var command = new ArrayList<>(List.of(arguments));
        String type = List.of(arguments).contains("old.jceks") ? "JCEKS" : "PKCS12";
        command.addAll(List.of("-storetype", type, "-storepass", "changeit", "-keypass", "changeit"));
        jdk("keytool", command, home);
    }

    private static void jdk(String tool, List<String> arguments, Path directory) throws Exception {
        var command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", tool).toString()));
        command.addAll(arguments);
        var process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
    }

    private Map<String, String> environment(String guide) {
        return guide.equals("docs/HARDWARE.md")
                ? new SoftHsm(home.resolve("hsm")).environment()
                : Map.of(
                        "CREDENTIALS_DIRECTORY", home.resolve("credentials").toString(),
                        "JASYPT_PASSWORD", "jasypt's",
                        "XDG_RUNTIME_DIR", home.resolve("run").toString());
    }

    private static Path home(String guide, String language) {
        return temporary.resolve(guide.replace('/', '_')).resolve(language);
    }

    private static String located(Block block) {
        Path home = home(block.guide(), block.language());
        return block.text()
                .replace("/etc/app/", home + "/etc/app/")
                .replace("/var/lib/app", home + "/var/lib/app")
                .replace("/usr/lib/softhsm/libsofthsm2.so", SoftHsm.module().toString())
                .replace("…", "");
    }

    /** All at once: a compiler takes longer to start than to compile. */
    @BeforeAll
    static void compile() throws Exception {
        classes = Files.createDirectory(temporary.resolve("classes"));
        var options = new ArrayList<>(
                List.of("-proc:none", "-nowarn", "-cp", absolute(ChildJvm.classPath()), "-d", classes.toString()));
        for (String guide : (Iterable<String>) guides()::iterator) {
            for (Block block : Block.of(guide)) {
                if (block.language().equals("java") && !NOT_RUN.containsKey(block.name())) {
                    Path file = classes.resolve(block.className() + ".java");
                    options.add(Files.writeString(file, source(block)).toString());
                }
            }
        }
        jdk("javac", options, temporary);
    }

    private static String source(Block block) {
        String name = block.className();
        return IMPORTS + "public final class " + name + " extends io.memguard.guides.Given {\n public " + name
                + "() throws IOException, GeneralSecurityException {}\n @Override public void run() throws Throwable {\n"
                + located(block) + "}}\n";
    }

    private void runJava(String guide, List<Block> blocks) throws Exception {
        var before = new ArrayList<>(List.of("env", "-C", home.toString()));
        environment(guide).forEach((name, value) -> before.add(name + "=" + value));
        var arguments = new ArrayList<String>();
        arguments.add(guide.equals("docs/HARDWARE.md") ? "-" : home + "/var/lib/app");
        blocks.forEach(block -> arguments.add(block.className()));
        try (var child =
                ChildJvm.start(classes + ":" + absolute(ChildJvm.classPath()), Snippets.class, before, arguments)) {
            child.expect("all ran");
        }
    }

    private static String absolute(String classPath) {
        return Stream.of(classPath.split(":"))
                .filter(entry -> !entry.isEmpty())
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .reduce((one, other) -> one + ":" + other)
                .orElseThrow();
    }

    private void runShell(String guide, List<Block> blocks) throws Exception {
        var script = new StringBuilder("block=preparation\n");
        if (guide.equals("docs/SYSTEMD.md")) {
            script.append("memguard init; echo hunter2 | memguard store db/password\n");
        }
        for (Block block : blocks) {
            script.append("block='").append(block.name()).append("'\n").append(located(block));
        }
        GuideShell.run(home, environment(guide), !guide.equals("docs/HARDWARE.md"), script.toString());
    }

    /** Fences of other languages are text, configuration and the like; a typing error in one must not hide a snippet. */
    @Test
    void fencesAreOfKnownLanguages() throws IOException {
        for (String guide : (Iterable<String>) guides()::iterator) {
            for (Block block : Block.of(guide)) {
                assertTrue(
                        Set.of("java", "sh", "xml", "ini", "", "text", "c", "python")
                                .contains(block.language()),
                        block.name());
            }
        }
    }
}
