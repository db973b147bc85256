package io.memguard.process;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import io.memguard.keys.KeyMode;
import io.memguard.keys.pkcs11.DerivedTokenKeys;
import io.memguard.memory.Sodium;
import io.memguard.tokens.SoftHsm;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** No value, key or passphrase in a heap dump of a service; a planted one is found by the same scan. */
class HeapDumpTest {
    @TempDir
    Path temporary = Path.of("");

    @Test
    void aHeapDumpShowsNoValueNoKeyAndNoPassphrase() throws Exception {
        long seed = Secrets.seed();
        // Random, so that nothing else in a JVM looks like it; and text, as passphrases are.
        String passphrase = HexFormat.of().formatHex(Sodium.random(24));
        Path file = temporary.resolve("passphrase");
        Files.writeString(file, passphrase);
        Files.setPosixFilePermissions(file, Set.of(java.nio.file.attribute.PosixFilePermission.OWNER_READ));
        Path directory = temporary.resolve("store");
        assertNothingShows(
                seed, passphrase, List.of(), directory, file.toString(), scan -> scan.addKeys(directory, passphrase));
    }

    @ParameterizedTest
    @EnumSource(KeyMode.class)
    void aHeapDumpShowsNoValueNoPinAndNoKeyOfAToken(KeyMode mode) throws Exception {
        long seed = Secrets.seed();
        var token = SoftHsm.token();
        Path directory = temporary.resolve("store");
        String uri = token.uriWithPin("key") + "&x-mode=" + mode.name().toLowerCase(Locale.ROOT);
        var environment = List.of("env", "SOFTHSM2_CONF=" + System.getenv("SOFTHSM2_CONF"));
        assertNothingShows(seed, SoftHsm.PIN, environment, directory, uri, scan -> {
            if (mode == KeyMode.ENVELOPE) {
                DerivedTokenKeys.of(directory, token).forEach(scan::addAllOf);
            }
        });
    }

    private interface MoreKeys {
        void add(Scan scan) throws Exception;
    }

    private void assertNothingShows(
            long seed, String passphrase, List<String> before, Path directory, String keys, MoreKeys more)
            throws Exception {
        try (var service =
                ChildJvm.start(Service.class, before, List.of(directory.toString(), keys, Long.toString(seed)))) {
            service.expect("idle");
            Scan scan = scan(seed, passphrase);
            more.add(scan);
            assertEquals(Set.of("control"), scan.of(dump(service, "idle")), "idle");
            service.send("");
            service.expect("inside");
            assertEquals(Set.of("control"), scan.of(dump(service, "inside")), "inside a borrow");
            service.send("");
            service.expect("done 64");
        }
    }

    private byte[] dump(ChildJvm service, String phase) throws IOException, InterruptedException {
        Path dump = temporary.resolve(phase + ".hprof");
        var jcmd = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                        Long.toString(service.pid()),
                        "GC.heap_dump",
                        "-all",
                        dump.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, jcmd.waitFor(), said);
        byte[] bytes = Files.readAllBytes(dump);
        Files.delete(dump);
        assertTrue(bytes.length > 1_000_000, "a dump of " + bytes.length + " bytes: " + said);
        return bytes;
    }

    private static Scan scan(long seed, String passphrase) {
        var scan = new Scan();
        for (int i = 0; i < Service.SECRETS; i++) {
            byte[] value = new byte[Service.size(seed, i)];
            Secrets.fill(MemorySegment.ofArray(value), seed + i);
            scan.addAllOf("value " + i, value);
        }
        byte[] control = new byte[64];
        Secrets.fill(MemorySegment.ofArray(control), seed - 1);
        scan.addAllOf("control", control);
        scan.addAllOf("passphrase", passphrase.getBytes(StandardCharsets.UTF_8));
        scan.addAllOf("passphrase in UTF-16LE", passphrase.getBytes(StandardCharsets.UTF_16LE));
        scan.addAllOf("passphrase in UTF-16BE", passphrase.getBytes(StandardCharsets.UTF_16BE));
        return scan;
    }

    /** Finds any 16 consecutive bytes of what was added that begin at a multiple of 8 in it. */
    private static final class Scan {
        private final Map<Long, List<Probe>> probes = new HashMap<>();

        private record Probe(String name, long second) {}

        void addAllOf(String name, byte[] secret) {
            var bytes = ByteBuffer.wrap(secret);
            for (int at = 0; at + 16 <= secret.length; at += 8) {
                probes.computeIfAbsent(bytes.getLong(at), key -> new ArrayList<>())
                        .add(new Probe(name, bytes.getLong(at + 8)));
            }
        }

        /** The keys that follow from the passphrase: Argon2id's output, the KEK, and the store key itself. */
        void addKeys(Path directory, String passphrase) throws Exception {
            try (var arena = Arena.ofConfined()) {
                io.memguard.keys.software.DerivedKeys.of(directory, passphrase, arena)
                        .forEach(this::addAllOf);
            }
        }

        Set<String> of(byte[] dump) {
            var found = new TreeSet<String>();
            var bytes = ByteBuffer.wrap(dump);
            for (int at = 0; at + 16 <= dump.length; at++) {
                List<Probe> candidates = probes.get(bytes.getLong(at));
                if (candidates != null) {
                    for (Probe probe : candidates) {
                        if (probe.second() == bytes.getLong(at + 8)) {
                            found.add(probe.name());
                        }
                    }
                }
            }
            return found;
        }
    }
}
