package io.memguard.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import picocli.CommandLine.Command;

final class MainTest {
    @Test
    void eachCommandIsFoundByTheNameThatItHas() {
        for (Main.Named command : Main.COMMANDS) {
            var annotation = command.type().getAnnotation(Command.class);
            assertEquals(annotation.name(), command.name());
            assertTrue(new Main().allCommands().getSubcommands().containsKey(command.name()));
        }
    }
}
