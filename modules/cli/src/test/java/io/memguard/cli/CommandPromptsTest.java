package io.memguard.cli;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.os.TerminalTest;
import io.memguard.tokens.SoftHsm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each place where a command asks, in a pseudo-terminal: {@code commands.py} has them, and how each is ended. With {@code
 * -Dprompts=full}, as {@code scripts/soak prompts} runs it, each way at each prompt.
 */
class CommandPromptsTest {
    @TempDir
    Path temporary;

    /** What the scenarios work on: a store with a value, a container of another tool, a token where there is one. */
    private void prepare() throws Exception {
        Path passphrase = Files.writeString(temporary.resolve("passphrase"), "correct horse");
        Files.setPosixFilePermissions(passphrase, PosixFilePermissions.fromString("rw-------"));
        Files.write(temporary.resolve("some.p12"), new byte[] {0x30, 0});
        try (var guard = MemGuard.at(temporary.resolve("store"))
                        .keys(SoftwareKeys.passphrase(SecretSources.file(passphrase))
                                .cost(1, 8 << 20))
                        .open();
                var value = Secrets.text("value")) {
            guard.store("a", value);
        }
        var hsm = new SoftHsm(temporary.resolve("hsm"));
        Map<String, String> environment = hsm.environment();
        Files.writeString(
                temporary.resolve("token"),
                environment.get("SOFTHSM2_CONF") + "\n" + hsm.token("app").uri("key") + "\n");
    }

    @TestFactory
    Stream<DynamicTest> aPromptThatIsNotAnsweredChangesNeitherTheStoreNorTheTerminal() throws Exception {
        prepare();
        var command = new ArrayList<>(List.of(temporary.toString(), System.getProperty("prompts", "short")));
        command.addAll(Cli.command());
        return TerminalTest.scenarios("commands.py", command);
    }
}
