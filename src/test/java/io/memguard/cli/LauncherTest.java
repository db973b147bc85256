package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** scripts/lib/launch.sh: with a {@code java} that prints its arguments. */
class LauncherTest {
    @TempDir
    Path temporary;

    private String arguments(String modulePath) throws Exception {
        Path java = Files.createDirectories(temporary.resolve("jdk/bin")).resolve("java");
        Files.writeString(java, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwx------"));
        String script = "set -euo pipefail; . scripts/lib/launch.sh; jdk=" + temporary + "/jdk; java_options "
                + modulePath + " /natives; run_memguard " + temporary + "/memguard.jsa list";
        var result = new Cli(Map.of()).runCommand(List.of("bash", "-c", script), new byte[0]);
        assertEquals(0, result.status(), result.error());
        assertEquals("", result.error());
        assertTrue(result.text().endsWith("io.memguard/io.memguard.cli.Main\nlist\n"), result.text());
        return result.text();
    }

    /** One that came along with a moved or copied checkout has the classes, and the jars, of another place. */
    @Test
    void anArchiveOfClassesIsTakenOnlyWhereItWasMade() throws Exception {
        Files.writeString(temporary.resolve("memguard.jsa"), "an archive");
        String option = "-XX:SharedArchiveFile=" + temporary + "/memguard.jsa\n";
        assertFalse(arguments("/here/lib").contains("SharedArchiveFile"), "nothing says where it was made");
        Files.writeString(temporary.resolve("memguard.jsa.for"), "/here/lib\n", StandardCharsets.UTF_8);
        assertTrue(arguments("/here/lib").contains(option));
        assertFalse(arguments("/there/lib").contains("SharedArchiveFile"));
    }
}
