package io.memguard.prove;

import io.memguard.MemGuard;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HexFormat;

/** Opens a store with a passphrase that is typed at a terminal, and waits. */
final class Prompted {
    private static byte[] control = {};

    private Prompted() {}

    public static void main(String[] arguments) throws IOException {
        control = HexFormat.of().parseHex(arguments[1]);
        var keys = SoftwareKeys.passphrase(SecretSources.terminal("passphrase: "));
        try (var guard = MemGuard.at(Path.of(arguments[0])).keys(keys).open()) {
            System.out.println("ready " + guard.list().size() + " " + control.length);
            System.in.read();
        }
    }
}
