package io.memguard.bench;

import io.memguard.MemGuard;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import io.memguard.memory.Sodium;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * What {@code MemGuard.open} with a software keystore takes beside Argon2id: the first one of this JVM, with all classes and
 * native libraries to load, and the one after it. Prints one result as {@code name value unit} a line.
 *
 * <p>Arguments: the directory of a store; the file of its passphrase.
 */
public final class Opening {
    private static final int RUNS = 5;

    private Opening() {}

    /** Runs all. */
    public static void main(String[] arguments) {
        double first = open(arguments);
        double second = open(arguments);
        double derivation = argon2id();
        System.out.printf(Locale.ROOT, "argon2id %.0f ms%n", derivation);
        System.out.printf(Locale.ROOT, "open.first.beside.argon2id %.0f ms%n", first - derivation);
        System.out.printf(Locale.ROOT, "open.second.beside.argon2id %.0f ms%n", second - derivation);
    }

    private static double open(String[] arguments) {
        long begin = System.nanoTime();
        var keys = SoftwareKeys.passphrase(SecretSources.file(Path.of(arguments[1])));
        try (var guard = MemGuard.at(Path.of(arguments[0])).keys(keys).open()) {
            double time = (System.nanoTime() - begin) / 1e6;
            if (guard.storeId().isEmpty()) {
                throw new AssertionError();
            }
            return time;
        }
    }

    /** The median, with the cost of a new store. */
    private static double argon2id() {
        try (var arena = Arena.ofConfined()) {
            var times = new double[RUNS];
            for (int i = 0; i < RUNS; i++) {
                long begin = System.nanoTime();
                Sodium.argon2id(arena.allocate(32), arena.allocate(5), arena.allocate(16), 3, 64L << 20);
                times[i] = (System.nanoTime() - begin) / 1e6;
            }
            Arrays.sort(times);
            return times[RUNS / 2];
        }
    }
}
