package consumer;

import io.memguard.MemGuard;
import io.memguard.SecretBuffer;
import io.memguard.keys.SecretSources;
import io.memguard.keys.software.SoftwareKeys;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

/**
 * Stores values, opens the store again, and reads them on virtual threads.
 *
 * <pre>java --enable-native-access=ALL-UNNAMED -cp 'consumer.jar:lib/*' consumer.Consumer DIR PASSPHRASE-FILE</pre>
 */
public final class Consumer {
    private static final int VALUES = 100;

    private Consumer() {}

    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        Path passphrase = Path.of(arguments[1]);
        try (MemGuard guard = open(directory, passphrase)) {
            for (int i = 0; i < VALUES; i++) {
                try (var value = SecretBuffer.consume(new byte[] {(byte) i, 1, 2})) {
                    guard.store("value/" + i, value);
                }
            }
        }
        try (MemGuard guard = open(directory, passphrase);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var reads = new ArrayList<Callable<Integer>>();
            for (int i = 0; i < VALUES; i++) {
                String name = "value/" + i;
                reads.add(() -> guard.<Integer, RuntimeException>read(
                        name, segment -> (int) segment.get(ValueLayout.JAVA_BYTE, 0)));
            }
            int sum = 0;
            for (var read : threads.invokeAll(reads)) {
                sum += read.get();
            }
            if (sum != VALUES * (VALUES - 1) / 2) {
                throw new AssertionError("the values add up to " + sum);
            }
            System.out.println("stored and read " + VALUES + " values, in " + guard.memoryUsage().protection());
        }
    }

    private static MemGuard open(Path directory, Path passphrase) {
        return MemGuard.at(directory)
                .keys(SoftwareKeys.passphrase(SecretSources.file(passphrase)))
                .open();
    }
}
