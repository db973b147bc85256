package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs the commands of the guides as their reader would, in a home of their own. */
public final class GuideShell {
    /** What stands in for the reader's machine. */
    private static final String READER = """
            set -euo pipefail
            trap 'echo "failed in $block, line: $BASH_COMMAND" >&2' ERR
            scripts/memguard() { memguard "$@"; }
            apt-get() { :; } # scripts/test has installed it
            systemd-creds() { command systemd-creds --with-key=auto-initrd "$@"; } # makes no key on this machine
            """;

    private GuideShell() {}

    /** Whether this machine has a program that runs. */
    public static boolean has(String program) throws Exception {
        var found = new Cli(Map.of()).runCommand(List.of("bash", "-c", program + " --version"), new byte[0]);
        return found.status() == 0;
    }

    /**
     * Runs a script to its end.
     *
     * @param unlocked whether the passphrase is in a file that memguard is told of, and a store named
     */
    public static void run(Path home, Map<String, String> more, boolean unlocked, String script) throws Exception {
        var environment = new HashMap<>(more);
        environment.put("HOME", home.toString());
        environment.put("MEMGUARD_DIR", home.resolve("store").toString());
        if (unlocked) {
            environment.put(
                    "MEMGUARD_PASSPHRASE_FILE",
                    home.resolve("etc/app/passphrase").toString());
        }
        String memguard = "memguard() { '" + String.join("' '", Cli.command()) + "' \"$@\"; }\n";
        var result = new Cli(environment)
                .runCommand(
                        List.of("env", "-C", home.toString(), "bash", "-c", memguard + READER + script), new byte[0]);
        assertEquals(0, result.status(), result.error() + new String(result.out(), StandardCharsets.UTF_8));
    }
}
