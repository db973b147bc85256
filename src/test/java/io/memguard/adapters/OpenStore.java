package io.memguard.adapters;

import io.memguard.FixedKeys;
import io.memguard.MemGuard;
import io.memguard.Secret;
import io.memguard.SecretBuffer;
import java.nio.file.Path;

/** A store of a test, with passwords as its values. */
public record OpenStore(MemGuard guard) implements AutoCloseable {
    /** A new one in this folder. */
    public static OpenStore in(Path folder) {
        return new OpenStore(
                MemGuard.at(folder.resolve("store")).keys(new FixedKeys(1)).open());
    }

    /** Stores halves as one text that is never one on the heap for longer than this call. */
    public Secret put(String name, String... halves) {
        char[] text = new char[halves[0].length() + halves[1].length()];
        halves[0].getChars(0, halves[0].length(), text, 0);
        halves[1].getChars(0, halves[1].length(), text, halves[0].length());
        try (var value = SecretBuffer.consume(text)) {
            guard.store(name, value);
        }
        return guard.secret(name).orElseThrow();
    }

    @Override
    public void close() {
        guard.close();
    }
}
