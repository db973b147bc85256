package io.memguard.os;

import static org.junit.jupiter.api.Assertions.*;

import io.memguard.ErrorCode;
import io.memguard.MemGuardException;
import io.memguard.tokens.Tools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class UserFileTest {
    @TempDir
    Path directory;

    @Test
    void aFileUpToTheLimitIsReadWholeAlsoThroughALink() throws IOException {
        byte[] content = {1, 2, 3};
        Path link =
                Files.createSymbolicLink(directory.resolve("link"), Files.write(directory.resolve("file"), content));
        assertArrayEquals(content, UserFile.read(link, 3));
        assertThrows(IOException.class, () -> UserFile.read(link, 2));
        assertThrows(NoSuchFileException.class, () -> UserFile.read(directory.resolve("none"), 3));
    }

    @Test
    @Timeout(20)
    void whatNeverEndsIsNotRead() {
        Path pipe = directory.resolve("pipe");
        Tools.run(Map.of(), "mkfifo", pipe.toString());
        for (Path endless : new Path[] {Path.of("/dev/zero"), pipe, directory}) {
            assertThrows(IOException.class, () -> UserFile.read(endless, 3));
        }
    }

    @Test
    void textThatIsNoPathIsAnError() {
        var failure = assertThrows(MemGuardException.class, () -> UserFile.path("/a\0b"));
        assertEquals(ErrorCode.INVALID_ARGUMENTS, failure.code());
    }
}
