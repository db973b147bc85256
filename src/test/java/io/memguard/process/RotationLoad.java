package io.memguard.process;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.Secrets;
import io.memguard.keys.software.SoftwareKeys;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;

/** JVMs around a change of the key: one that changes it, and those that read and write meanwhile. */
final class RotationLoad {
    private RotationLoad() {}

    static MemGuard open(Path directory) {
        var keys = SoftwareKeys.passphrase(() -> Secrets.text("correct horse")).cost(1, 8 << 20);
        return MemGuard.at(directory).keys(keys).open();
    }

    static void fill(MemGuard guard, int secrets) {
        for (int i = 0; i < secrets; i += 500) {
            var values = new LinkedHashMap<String, SecretBuffer>();
            for (int n = i; n < Math.min(secrets, i + 500); n++) {
                values.put("name " + n, Secrets.random(100, n));
            }
            guard.storeAll(values);
            values.values().forEach(SecretBuffer::close);
        }
    }

    static void require(MemGuard guard, int number) {
        if (!guard.<Boolean, RuntimeException>read("name " + number, value -> Secrets.matches(value, number))) {
            throw new AssertionError("name " + number + " has another value");
        }
    }

    /** Arguments: directory, and the number of secrets; or {@code rotate}, and after how many files it goes slowly. */
    public static void main(String[] arguments) throws Exception {
        try (var guard = open(Path.of(arguments[0]))) {
            if (arguments[1].equals("rotate")) {
                long slow = Long.parseLong(arguments[2]);
                guard.rotate((done, total) -> {
                    System.out.println(done + " of " + total);
                    if (done >= slow) {
                        LockSupport.parkNanos(500_000_000); // It is copied, and killed after that.
                    }
                });
                System.out.println("rotated");
            } else {
                use(guard, Integer.parseInt(arguments[1]));
            }
        }
    }

    /** Reads, cold, and overwrites secrets with the value that they have, until a line comes. */
    private static void use(MemGuard guard, int secrets) throws Exception {
        var random = new SplittableRandom(secrets);
        long uses = 0;
        System.out.println("open");
        for (; System.in.available() == 0; uses++) {
            int number = random.nextInt(secrets);
            guard.cleanupMemory();
            require(guard, number);
            try (var value = Secrets.random(100, number)) {
                guard.store("name " + number, value);
            }
        }
        System.out.println("uses " + uses);
    }
}
