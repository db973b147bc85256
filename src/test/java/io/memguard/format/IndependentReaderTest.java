package io.memguard.format;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** docs/FORMAT.md is enough: a reader that was written by it opens a store of today. */
class IndependentReaderTest {
    private static final byte[] PASSPHRASE = "correct horse \u00e9".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    private SoftwareKeys keys(String lineEnd) throws IOException {
        Path file = Files.write(directory.resolve("passphrase"), PASSPHRASE);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        Files.writeString(file, new String(PASSPHRASE, StandardCharsets.UTF_8) + lineEnd);
        return SoftwareKeys.passphrase(SecretSources.file(file)).cost(1, 8 << 20);
    }

    private Map<String, String> read() throws Exception {
        var text = new TreeMap<String, String>();
        IndependentReader.read(directory, PASSPHRASE)
                .forEach((name, value) -> text.put(name, new String(value, StandardCharsets.UTF_8)));
        return text;
    }

    private static void store(MemGuard guard, String name, String text) {
        try (SecretBuffer value = Secrets.text(text)) {
            guard.store(name, value);
        }
    }

    @Test
    void aReaderWrittenFromTheDocumentOpensAStoreAlsoAfterARotation() throws Exception {
        var values = new TreeMap<>(
                Map.of("a", "", "db/pass word", "hunter2", "caf\u00e9 \uD83D\uDD11", "x".repeat(100_000)));
        try (var guard = MemGuard.at(directory).keys(keys("\n")).open()) {
            values.forEach((name, text) -> store(guard, name, text));
            store(guard, "deleted", "gone");
            guard.delete("deleted");
            assertEquals(values, read());
        }
        try (var guard = MemGuard.at(directory).keys(keys("\r\n")).open()) {
            guard.rotate((done, all) -> {});
            assertEquals(values, read());
        }
    }

    /** Sections "Locks and generations" and "Totals", and the line folder. */
    @Test
    void theSharedCountersAreWhatTheDocumentSays() throws Exception {
        try (var guard = MemGuard.at(directory).keys(keys("")).open()) {
            store(guard, "a", "one");
            store(guard, "b", "of another length");
            guard.rotate((done, all) -> {});
        }
        Path folder = directory.resolve("memguard_secure");
        String metadata = Files.readString(folder.resolve("store.meta"));
        ByteBuffer generations = numbers(folder.resolve("store.generations"), 65_537);
        byte[] seal = Base64.getDecoder().decode(line(metadata, "seal"));
        assertEquals(ByteBuffer.wrap(seal).getLong(), generations.getLong(8 * 65_536), "the key epoch");
        assertEquals(
                Files.getAttribute(folder, "unix:ino"),
                Long.parseUnsignedLong(line(metadata, "folder").substring(0, 16), 16));

        Path file = folder.resolve("store.totals");
        ByteBuffer totals = numbers(file, 4 + 3 * 65_536);
        assertEquals(Files.getAttribute(file, "unix:ino"), totals.getLong(8 * 2));
        for (String name : List.of("a", "b")) {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(name.getBytes(StandardCharsets.UTF_8));
            Path value = folder.resolve("mg_" + HexFormat.of().formatHex(hash) + ".dat");
            int stripe = ByteBuffer.wrap(hash).getShort() & 0xFFFF;
            assertEquals(2, totals.getLong(8 * (4 + 3 * stripe)) & 3, "no writer is active, and the figures are right");
            assertEquals(1, totals.getLong(8 * (5 + 3 * stripe)), "values");
            assertEquals(Files.size(value), totals.getLong(8 * (6 + 3 * stripe)), "length");
            assertTrue(generations.getLong(8 * stripe) > 0, "raised");
        }
    }

    private static String line(String metadata, String key) {
        return metadata.lines()
                .filter(line -> line.startsWith(key + ": "))
                .findFirst()
                .orElseThrow()
                .substring(key.length() + 2);
    }

    private static ByteBuffer numbers(Path file, int count) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        assertEquals(8 * count, bytes.length);
        return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    }

    /** Nothing is believed that the document says is bound: the control of the reader itself. */
    @Test
    void theReaderRefusesWhatWasChanged() throws Exception {
        try (var guard = MemGuard.at(directory).keys(keys("")).open()) {
            store(guard, "a", "one");
        }
        assertThrows(IOException.class, () -> IndependentReader.read(directory, Arrays.copyOf(PASSPHRASE, 3)));
        Path metadata = directory.resolve("memguard_secure/store.meta");
        Files.writeString(metadata, Files.readString(metadata).replace("mode: envelope", "mode: Envelope"));
        assertThrows(Exception.class, () -> IndependentReader.read(directory, PASSPHRASE));
    }
}
