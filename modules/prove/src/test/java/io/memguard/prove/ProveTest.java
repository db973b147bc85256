package io.memguard.prove;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.keys.SecretSources;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code memguard prove} finds nothing, with both built-in providers and two collectors. */
@Tag("alone") // Four matrices in four minutes.
class ProveTest {
    /** A core dump of gcore holds what a JVM reserves, as zeros, and the JDK's own classes. */
    private static List<String> small(String collector) {
        return List.of(
                collector,
                "-Xmx64m",
                "-XX:CompressedClassSpaceSize=32m",
                "-XX:ReservedCodeCacheSize=32m",
                "-XX:+UnlockDiagnosticVMOptions",
                "-XX:-DumpSharedMappingsInCore"); // Files that all processes share; "all memory" looks at them, too.
    }

    @TempDir
    Path temporary = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"-XX:+UseG1GC", "-XX:+UseZGC"})
    void nothingIsFoundWithASoftwareKeystore(String collector) throws Exception {
        var all = Settings.software(small(collector), temporary);
        assertNothingIsFound(Prove.run(all));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-XX:+UseG1GC", "-XX:+UseZGC"})
    void nothingIsFoundWithAToken(String collector) throws Exception {
        var token = SoftHsm.token();
        String mode = collector.contains("Z") ? "envelope" : "direct";
        assertNothingIsFound(Prove.run(new Settings(
                token.uri("key") + "&x-mode=" + mode,
                Optional.of(SecretSources.file(token.pinFile())),
                small(collector),
                EnumSet.allOf(Place.class),
                EnumSet.allOf(Phase.class),
                false,
                List.of(),
                temporary,
                text -> {})));
        assertFalse(token.tool("--list-objects").contains("Secret Key"), "the token is as it was");
    }

    /** ZGC reserves sixteen times its heap, and gcore writes zeros for that. */
    @Test
    void aJvmThatReservesTooMuchDoesNotFillTheDisk() throws Exception {
        var report = Prove.run(new Settings(
                "software",
                Optional.empty(),
                List.of("-XX:+UseZGC", "-Xmx1g"),
                EnumSet.of(Place.GCORE),
                EnumSet.of(Phase.AT_REST),
                false,
                List.of(),
                temporary,
                text -> {}));
        var result = report.results().getFirst();
        assertEquals(Verdict.NOT_PROVEN, result.verdict(), result.toString());
        assertTrue(result.note().contains("smaller -Xmx"), result.toString());
    }

    private static void assertNothingIsFound(Report report) throws IOException {
        String text = TextReport.of(report);
        System.out.println(text);
        assertEquals(0, report.count(Verdict.LEAKED), text);
        assertEquals(
                Place.values().length * Phase.values().length, report.results().size(), text);
        for (Result result : report.results()) {
            // What this machine does not allow is said; what was planted must be found wherever it is looked.
            assertFalse(result.note().startsWith(Search.CONTROL_MISSING), text);
            assertTrue(result.verdict() != Verdict.NOT_PROVEN || !result.note().isEmpty(), text);
        }
        Result crash = report.results().stream()
                .filter(result -> result.place() == Place.HS_ERR && result.phase() == Phase.BORROW)
                .findFirst()
                .orElseThrow();
        assertEquals(Verdict.EXCEPTION, crash.verdict(), "native code that crashes shows what it was lent: " + text);
        assertTrue(crash.note().contains("-XX:ErrorFile=/dev/null"), text);
        Set<String> known = Set.of(Workload.DIRECT, Workload.HELD, "container password");
        assertTrue(report.exceptions().stream().map(Report.KnownException::what).allMatch(known::contains), text);
        assertTrue(
                report.exceptions().stream()
                        .anyMatch(exception -> exception.what().equals(Workload.DIRECT)),
                "retrieveDirect is expected to leak, and shows that the search finds it");
    }
}
