package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.memguard.os.Posix;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** scripts/lib/launch.sh with a {@code java} that prints its arguments, scripts/lib/java.sh with some that do nothing. */
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
        assertTrue(result.text().endsWith("io.memguard.cli/io.memguard.cli.Main\nlist\n"), result.text());
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

    private void soon(String command, String environment) throws Exception {
        String script = environment + "set -euo pipefail; . scripts/lib/launch.sh; jdk=/jdk; module_path=/here; "
                + "exec 7<" + temporary + "/passphrase; share_classes_soon " + temporary + "/memguard.jsa " + temporary
                + "/share-classes " + command;
        var result = new Cli(Map.of()).runCommand(List.of("bash", "-c", script), new byte[0]);
        assertEquals(0, result.status(), result.error());
        assertEquals("", result.error() + result.text());
    }

    private List<String> made() throws Exception {
        Path file = temporary.resolve("made");
        for (int i = 0; i < 300 && !Files.exists(file); i++) {
            Thread.sleep(100);
        }
        return Files.readAllLines(file);
    }

    @Test
    void theArchiveIsMadeOnceInTheBackgroundWithoutTheCallersDescriptors() throws Exception {
        Path program = temporary.resolve("share-classes");
        Files.writeString(
                program,
                "#!/bin/sh\ntest -e /proc/$$/fd/7 && echo 'a descriptor' >>" + temporary + "/made.new\n"
                        + "echo made >>" + temporary + "/made.new\nmv " + temporary + "/made.new " + temporary
                        + "/made\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        Files.writeString(temporary.resolve("passphrase"), "secret");
        soon("exec true", "");
        soon("list", "export MEMGUARD_SHARE_CLASSES=no; ");
        assertFalse(Files.exists(temporary.resolve("memguard.jsa.tried")), "not before exec, and not against a no");
        soon("list", "");
        assertEquals(List.of("made"), made());
        Files.delete(temporary.resolve("made"));
        soon("list", "");
        assertFalse(Files.exists(temporary.resolve("made")), "once for this Java and place");
        assertEquals("/here /jdk\n", Files.readString(temporary.resolve("memguard.jsa.tried")));
    }

    private Path javaHome(String name) throws Exception {
        Path home = temporary.resolve("home/.jdks/" + name);
        Files.createDirectories(home.resolve("lib/server"));
        Path java = Files.createDirectories(home.resolve("bin")).resolve("java");
        Files.writeString(java, "#!/bin/sh\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"99\"\n"); // newer than any that is installed
        for (String file : List.of("lib/modules", "lib/server/libjvm.so")) {
            Files.writeString(home.resolve(file), "");
        }
        return home;
    }

    private Cli.Result found() throws Exception {
        String script = "set -euo pipefail; unset JAVA_HOME; HOME=" + temporary
                + "/home; . scripts/lib/java.sh; find_java java; echo \"$jdk\"";
        var result = new Cli(Map.of()).runCommand(List.of("bash", "-c", script), new byte[0]);
        assertEquals(0, result.status(), result.error());
        return result;
    }

    /** HOME may be another user's where root got it from sudo. */
    @Test
    void asRootOnlyJavaThatNoOtherUserCanChangeIsRun() throws Exception {
        assumeTrue(Posix.effectiveUser() == 0, "NOT TESTED: what root runs (run it as root: sudo scripts/test)");
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path home = javaHome("mine");
        assertEquals(home + "\n", found().text(), "the newest, where all of it is root's");
        for (String part : List.of("", "bin", "bin/java", "lib", "lib/modules", "lib/server", "lib/server/libjvm.so")) {
            Path changed = home.resolve(part);
            Files.setAttribute(changed, "unix:uid", 65534);
            assertRefused(changed);
            Files.setAttribute(changed, "unix:uid", 0);
            var before = Files.getPosixFilePermissions(changed);
            for (String open : List.of("rwxrwxr-x", "rwxr-xrwx")) {
                Files.setPosixFilePermissions(changed, PosixFilePermissions.fromString(open));
                assertRefused(changed);
            }
            Files.setPosixFilePermissions(changed, before);
        }
        assertEquals(home + "\n", found().text());
    }

    private void assertRefused(Path changed) throws Exception {
        var result = found();
        assertFalse(result.text().startsWith(temporary.toString()), "its " + changed + " is another user's");
        assertTrue(result.error().contains("other users can change " + changed.toRealPath()), result.error());
    }

    @Test
    void withoutRootTheUsersOwnJavaIsRun() throws Exception {
        Path home = javaHome("mine");
        String script = "set -euo pipefail; unset JAVA_HOME; HOME=" + temporary
                + "/home; . scripts/lib/java.sh; find_java java; echo \"$jdk\"";
        var command = List.of("bash", "-c", script);
        if (Posix.effectiveUser() == 0) {
            for (Path folder = home; folder.startsWith(temporary); folder = folder.getParent()) {
                Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
            command = List.of("setpriv", "--reuid=65534", "--clear-groups", "bash", "-c", script);
        }
        assertEquals(
                home + "\n", new Cli(Map.of()).runCommand(command, new byte[0]).text());
    }
}
