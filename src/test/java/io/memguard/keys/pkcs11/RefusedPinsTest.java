package io.memguard.keys.pkcs11;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.Secrets;
import io.memguard.memory.SealedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where the memory of refused PINs lies, whatever other users have put in its place. */
class RefusedPinsTest {
    private static final Path MODULE = Path.of("/usr/lib/module.so");

    @TempDir
    Path temporary;

    private static TokenInfo token() {
        try (var arena = Arena.ofConfined()) {
            return TokenInfo.of(arena.allocate(208, 8));
        }
    }

    private static SealedBytes pin(String text) {
        try (var buffer = Secrets.text(text)) {
            return buffer.<SealedBytes, RuntimeException>read(SealedBytes::copyOf);
        }
    }

    /** What another user may leave under a name: a directory that others can use, a file, a link to the user's own. */
    private List<Path> squatted() throws Exception {
        Path open = Files.createDirectory(temporary.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path own = Files.createDirectory(
                temporary.resolve("own"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        return List.of(
                open,
                Files.writeString(temporary.resolve("file"), "no directory"),
                Files.createSymbolicLink(temporary.resolve("link"), own),
                temporary.resolve("missing").resolve("above"));
    }

    @Test
    void aRefusedPinIsRememberedThoughOthersHoldTheFirstNames() throws Exception {
        var directories = new ArrayList<>(squatted());
        directories.add(temporary.resolve("last"));
        try (var wrong = pin("1111");
                var other = pin("2222")) {
            new RefusedPins(MODULE, token(), directories).add(wrong, token());
            var again = new RefusedPins(MODULE, token(), directories);
            assertTrue(again.contains(wrong));
            assertFalse(again.contains(other));
            assertTrue(
                    again.file().startsWith(temporary.resolve("last")),
                    again.file().toString());
            again.clear();
            assertFalse(new RefusedPins(MODULE, token(), directories).contains(wrong));
        }
    }

    @Test
    void aWarningSaysThatNothingCanBeRemembered() throws Exception {
        var said = new ArrayList<String>();
        var handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                said.add(record.getLevel() + " " + new java.util.logging.SimpleFormatter().formatMessage(record));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        var logger = Logger.getLogger(RefusedPins.class.getName());
        logger.addHandler(handler);
        try (var wrong = pin("1111")) {
            new RefusedPins(MODULE, token(), squatted()).add(wrong, token());
        } finally {
            logger.removeHandler(handler);
        }
        assertEquals(1, said.size(), said.toString());
        assertTrue(said.getFirst().startsWith("WARNING the refused PIN can't be remembered"), said.toString());
    }

    @Test
    void labelsPaddedWithBlanksOrNulsAreTheSameLabel() {
        for (String padding : List.of("    ", "\0\0\0\0", "\0  \0", " \0\0 ")) {
            byte[] bytes = ("cl\u00e9" + padding).getBytes(StandardCharsets.UTF_8);
            try (var arena = Arena.ofConfined()) {
                var field = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
                assertEquals("cl\u00e9", Padded.of(field).text());
                assertTrue(Pkcs11Uri.parse("pkcs11:token=cl%C3%A9")
                        .fits("token", Padded.of(field).bytes()));
            }
        }
    }
}
