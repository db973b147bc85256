package consumer;

import io.memguard.MemGuard;
import io.memguard.MemGuardException;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A service that stores a secret, opens its store again, and reads on virtual threads: DIRECTORY PASSPHRASE-FILE. */
public final class Consumer {
    private Consumer() {}

    public static void main(String[] arguments) throws Exception {
        try {
            store(arguments);
            System.out.println("read by " + readers(arguments) + " virtual threads");
            System.out.println("works on Java " + Runtime.version().feature());
        } catch (MemGuardException e) {
            System.out.println(e.code() + " " + e.getMessage());
            System.exit(3);
        }
    }

    private static MemGuard open(String[] arguments) {
        return MemGuard.at(Path.of(arguments[0]))
                .keys(SoftwareKeys.passphrase(SecretSources.file(Path.of(arguments[1]))))
                .open();
    }

    private static void store(String[] arguments) {
        try (MemGuard guard = open(arguments);
                SecretBuffer value = SecretBuffer.consume("correct horse".toCharArray())) {
            guard.store("db/password", value);
        }
    }

    private static int readers(String[] arguments) throws Exception {
        int right = 0;
        try (MemGuard guard = open(arguments);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var secret = guard.secret("db/password").orElseThrow();
            var results = new ArrayList<Future<Boolean>>();
            for (int i = 0; i < 1000; i++) {
                results.add(threads.submit(() -> secret.<Boolean, RuntimeException>read(
                        segment -> segment.byteSize() == 13 && segment.get(ValueLayout.JAVA_BYTE, 0) == 'c')));
            }
            for (Future<Boolean> result : results) {
                right += result.get() ? 1 : 0;
            }
        }
        return right;
    }
}
