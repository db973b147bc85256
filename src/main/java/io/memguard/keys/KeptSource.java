package io.memguard.keys;

import io.memguard.SecretBuffer;
import io.memguard.memory.SealedBytes;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads another source once, and gives copies of what it got: a pipe is empty after it was read, and a user should be
 * asked once. In between the secret is kept sealed in protected memory. Who uses it closes it, which wipes the secret; asked
 * after that, it reads the other source again. Thread-safe.
 */
public final class KeptSource implements SecretSource, AutoCloseable {
    private final SecretSource source;
    private final BooleanSupplier readableAgain;
    private @Nullable SealedBytes kept;

    /** @param readableAgain whether the source can be read again by now, so that nothing need be kept */
    KeptSource(SecretSource source, BooleanSupplier readableAgain) {
        this.source = source;
        this.readableAgain = readableAgain;
    }

    @Override
    public synchronized SecretBuffer read() {
        SealedBytes known = kept;
        if (known == null && readableAgain.getAsBoolean()) {
            return source.read();
        }
        if (known == null) {
            try (var secret = source.read()) {
                known = secret.<SealedBytes, RuntimeException>read(SealedBytes::copyOf);
            }
            kept = known;
        }
        return known.<SecretBuffer, RuntimeException>read(SecretBuffer::copyOf);
    }

    /** Wipes what was read. Idempotent. */
    @Override
    public synchronized void close() {
        SealedBytes known = kept;
        kept = null;
        if (known != null) {
            known.close();
        }
    }

    /** Wipes what a source has kept, if it is of this kind. */
    public static void forget(SecretSource source) {
        if (source instanceof KeptSource known) {
            known.close();
        }
    }
}
