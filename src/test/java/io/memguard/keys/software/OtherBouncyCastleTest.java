package io.memguard.keys.software;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.process.ChildJvm;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Class paths of services that bring another Bouncy Castle along, or none. */
class OtherBouncyCastleTest {
    @TempDir
    Path temporary;

    private static String withoutBouncyCastle() {
        return Arrays.stream(ChildJvm.classPath().split(":"))
                .filter(entry -> !entry.contains("bcprov"))
                .collect(Collectors.joining(":"));
    }

    private static String run(String classPath, List<String> before, String... arguments) throws Exception {
        try (var child = ChildJvm.start(classPath, OtherBouncyCastle.class, before, List.of(arguments))) {
            String text = child.rest();
            assertEquals(0, child.exitCode(), text);
            List<String> said =
                    text.lines().filter(line -> line.startsWith("> ")).toList();
            assertEquals(1, said.size(), text);
            return said.getFirst().substring(2);
        }
    }

    @Test
    void withoutBouncyCastleAStoreOpensWhoseKeyIsInAToken() throws Exception {
        var hsm = new SoftHsm(temporary);
        var token = hsm.token("without");
        var environment = new ArrayList<String>(List.of("env"));
        hsm.environment().forEach((name, value) -> environment.add(name + "=" + value));
        for (String mode : List.of("direct", "envelope")) {
            Path directory = Files.createTempDirectory(temporary, "store");
            String uri = token.uri(mode) + "&x-mode=" + mode;
            assertEquals(
                    "value",
                    run(
                            withoutBouncyCastle(),
                            environment,
                            directory.toString(),
                            uri,
                            token.pinFile().toString()));
        }
    }

    @Test
    void withoutBouncyCastleTheSoftwareKeystoreSaysWhatIsMissing() throws Exception {
        assertEquals(
                "SECURITY_ERROR the software keystore needs Bouncy Castle (bcprov-jdk18on, 1.70 or later), which is not on the"
                        + " class path",
                run(withoutBouncyCastle(), List.of(), temporary.toString()));
    }

    /** What there is needs none to be opened: the container is read natively. */
    @Test
    void aStoreThatIsThereOpensWithoutBouncyCastle() throws Exception {
        assertEquals("value", run(ChildJvm.classPath(), List.of(), temporary.toString()));
        assertEquals("value", run(withoutBouncyCastle(), List.of(), temporary.toString()));
    }

    /** As 1.56 and bc-fips do: classes that are needed are missing, or there and other ones. */
    @Test
    void anotherEditionThatComesFirstIsNamedWithItsVersion() throws Exception {
        Path old = jar(
                "bcprov-jdk15on-1.56.jar",
                "1.56.0",
                "org.bouncycastle.jce.provider.BouncyCastleProvider",
                "extends java.security.Provider { public BouncyCastleProvider() { super(\"BC\", \"1.56\", \"\"); } }");
        Path fips = jar(
                "bc-fips-2.0.0.jar",
                "2.0.0",
                "org.bouncycastle.crypto.params.KeyParameter",
                "{ private KeyParameter() {} }");
        for (Path jar : List.of(old, fips)) {
            String version = jar == old ? "1.56.0" : "2.0.0";
            for (String rest : List.of(ChildJvm.classPath(), withoutBouncyCastle())) {
                String said = run(
                        jar + ":" + rest,
                        List.of(),
                        Files.createTempDirectory(temporary, "store").toString());
                assertTrue(said.startsWith("SECURITY_ERROR "), said);
                assertTrue(said.contains(jar + " (" + version + ")"), said);
            }
        }
    }

    private Path jar(String name, String version, String type, String body) throws IOException {
        Path classes = Files.createDirectories(temporary.resolve(name + ".classes"));
        int dot = type.lastIndexOf('.');
        Path source = Files.writeString(
                classes.resolve(type.substring(dot + 1) + ".java"),
                "package " + type.substring(0, dot) + "; public final class " + type.substring(dot + 1) + " " + body);
        assertEquals(
                0,
                ToolProvider.getSystemJavaCompiler()
                        .run(null, null, null, "-d", classes.toString(), source.toString()));
        var manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.IMPLEMENTATION_VERSION, version);
        Path jar = temporary.resolve(name);
        try (var out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
            String entry = type.replace('.', '/') + ".class";
            out.putNextEntry(new JarEntry(entry));
            out.write(Files.readAllBytes(classes.resolve(entry)));
        }
        return jar;
    }
}
