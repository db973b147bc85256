package io.memguard.process;

import io.memguard.MemGuard;
import io.memguard.Secrets;
import io.memguard.keys.KeyProvider;
import io.memguard.keys.SecretSources;
import io.memguard.keys.pkcs11.Pkcs11Keys;
import io.memguard.keys.software.SoftwareKeys;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** A service as users write them: stores and reads secrets, then waits idle, then inside a borrow. */
final class Service {
    static final int SECRETS = 200;

    private static byte @Nullable [] control;

    private Service() {}

    /** 16 bytes to 1 MB, most of them short. */
    static int size(long seed, int number) {
        var random = new SplittableRandom(seed ^ number * 0x9E3779B97F4A7C15L);
        return number % 20 == 0 ? random.nextInt(100_000, 1_000_000) : random.nextInt(16, 5_000);
    }

    /** A token's URI, or the file of a passphrase. */
    private static KeyProvider keys(String text) {
        return text.startsWith("pkcs11:")
                ? Pkcs11Keys.uri(text)
                : SoftwareKeys.passphrase(SecretSources.file(Path.of(text)));
    }

    public static void main(String[] arguments) throws IOException {
        var directory = Path.of(arguments[0]);
        long seed = Long.parseLong(arguments[2]);
        try (var guard = MemGuard.at(directory).keys(keys(arguments[1])).open()) {
            for (int i = 0; i < SECRETS; i++) {
                try (var value = Secrets.random(size(seed, i), seed + i)) {
                    guard.store("secret " + i, value);
                }
            }
            guard.cleanupMemory(); // Half of the reads below are cold, half are hot.
            for (int i = 0; i < 2 * SECRETS; i++) {
                long own = seed + i % SECRETS;
                if (!guard.<Boolean, RuntimeException>read("secret " + i % SECRETS, s -> Secrets.matches(s, own))) {
                    throw new AssertionError("secret " + i + " is wrong");
                }
            }
            // What the scan must find: the first bytes of a value that was never stored.
            control = new byte[64];
            Secrets.fill(java.lang.foreign.MemorySegment.ofArray(control), seed - 1);
            System.out.println("idle");
            System.in.read();
            guard.<@Nullable Void, IOException>read("secret 0", segment -> {
                System.out.println("inside");
                System.in.read();
                return null;
            });
            System.out.println("done " + control.length);
        }
    }
}
